"""XMILE and Stella files, read into the same documents as Vensim's."""

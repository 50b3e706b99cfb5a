"""What a person looks at: tables for the terminal, plots, the generated parts of the README."""

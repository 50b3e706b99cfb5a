"""Machine code for many runs at once, made by LLVM from explicit vectors of doubles."""

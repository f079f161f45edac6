"""The two modules of rwkv.cpp's Python wrapper, on this library: change `rwkv_cpp` to `rwkv_tools.rwkv_cpp`.

Arrays are numpy's; torch tensors are accepted wherever the wrapper takes them.
"""

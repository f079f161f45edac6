# The stage on a GPU: what is C, and the kernels. Builds without CUDA have cuda_absent.c in their place; tests/gpu
# compiles them for the emulated GPU.
set(RWKV_CUDA_C
  cuda/cuda_devices.c
  cuda/cuda_forward.c
  cuda/cuda_layer.c
  cuda/cuda_load.c
  cuda/cuda_memory.c
  cuda/cuda_pack.c
  cuda/cuda_rwkv4.c
  cuda/cuda_rwkv5.c
  cuda/cuda_rwkv6.c
  cuda/cuda_rwkv7.c
  cuda/cuda_stage.c
  cuda/cuda_state.c
  cuda/cuda_workspace.c)
set(RWKV_CUDA_KERNELS
  cuda/elementwise.cu
  cuda/matvec_block.cu
  cuda/matvec_float.cu
  cuda/norm_mix.cu
  cuda/norm_rows.cu
  cuda/wkv4.cu
  cuda/wkv6.cu
  cuda/wkv7.cu)

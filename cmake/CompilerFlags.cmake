# rwkv_flags: what every source of ours is compiled with. Flags of single files stand in lib/CMakeLists.txt.

add_library(rwkv_flags INTERFACE)

target_compile_definitions(rwkv_flags INTERFACE _GNU_SOURCE)
set(c_flags
  -Wall -Wextra -Wno-missing-field-initializers -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
  $<$<BOOL:${RWKV_WERROR}>:-Werror>
  # The same results from every compiler: where products and sums are fused, the source says so.
  -ffp-contract=off)
target_compile_options(rwkv_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:${c_flags}>")

if(RWKV_SANITIZE)
  set(sanitizers -fsanitize=${RWKV_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_compile_options(rwkv_flags INTERFACE "$<$<COMPILE_LANGUAGE:C>:${sanitizers}>")
  target_link_options(rwkv_flags INTERFACE ${sanitizers})
endif()

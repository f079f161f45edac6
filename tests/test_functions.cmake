# How tests are added.

# A sanitizer's finding ends the test with a report; sizes no machine has are answered like malloc does.
set(sanitizer_options
  ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=1
  UBSAN_OPTIONS=print_stacktrace=1
  TSAN_OPTIONS=halt_on_error=1)

# rwkv_add_test(name label command...)
function(rwkv_add_test name label)
  add_test(NAME ${name} COMMAND ${ARGN})
  set(seconds 300)
  if(RWKV_SANITIZE OR label MATCHES "slow|thorough")
    set(seconds 1500)
  endif()
  set_tests_properties(${name} PROPERTIES
    LABELS ${label} SKIP_RETURN_CODE 77 TIMEOUT ${seconds} ENVIRONMENT "${sanitizer_options}")
endfunction()

# rwkv_add_skipped_test(name label reason): shows up as skipped. (No semicolon: CMake would split there.)
function(rwkv_add_skipped_test name label reason)
  rwkv_add_test(${name} ${label} sh -c "echo 'skipped: ${reason}' && exit 77")
endfunction()

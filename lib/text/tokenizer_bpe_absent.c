// A minimal build (RWKV_MINIMAL) has none of the libraries that a tokenizer.json needs: for JSON,
// for cutting words, for form C.
#include "text/tokenizer_internal.h"

rk_status rk__tokenizer_bpe_open(rk_tokenizer **out, const rk__file *file, rk_error *err) {
    *out = NULL;
    return rk__fail(err, RK_ERR_UNSUPPORTED,
                    "%s: a minimal build (RWKV_MINIMAL) reads no tokenizer.json", file->path);
}

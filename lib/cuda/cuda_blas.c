// Calls cuBLASLt. Its library is opened when it is first wanted: a program that runs on the CPU
// needs none, and one on a GPU does without.
#include "cuda/cuda_blas.h"

#include <cublasLt.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

// The functions of the library, as its header declares them.
typedef struct functions {
    __typeof__(&cublasLtCreate) create;
    __typeof__(&cublasLtDestroy) destroy;
    __typeof__(&cublasLtMatmul) matmul;
    __typeof__(&cublasLtMatmulDescCreate) desc_create;
    __typeof__(&cublasLtMatmulDescDestroy) desc_destroy;
    __typeof__(&cublasLtMatmulDescSetAttribute) desc_set;
    __typeof__(&cublasLtMatrixLayoutCreate) layout_create;
    __typeof__(&cublasLtMatrixLayoutDestroy) layout_destroy;
    __typeof__(&cublasLtMatmulPreferenceCreate) preference_create;
    __typeof__(&cublasLtMatmulPreferenceDestroy) preference_destroy;
    __typeof__(&cublasLtMatmulPreferenceSetAttribute) preference_set;
    __typeof__(&cublasLtMatmulAlgoGetHeuristic) choose;
} functions;

// A shape that has been multiplied before, with what was chosen for it.
typedef struct shape {
    uint32_t rows, columns, n_tokens, out_stride;
    bool is_half, adds;
    bool is_possible;
    cublasLtMatmulDesc_t desc; // owned, as are the layouts
    cublasLtMatrixLayout_t weights, x, out;
    cublasLtMatmulAlgo_t algorithm;
    size_t scratch_bytes;
} shape;

enum { N_SHAPES = 64 };

struct rk__gpu_blas {
    void *library; // owned
    functions f;
    cublasLtHandle_t handle;
    shape shapes[N_SHAPES]; // a ring: the oldest one makes place
    size_t n_shapes, next;
};

// ---- the library

static void *open_library(void) {
    char name[32];
    (void)snprintf(name, sizeof name, "libcublasLt.so.%d", CUBLAS_VER_MAJOR);
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    return library != NULL ? library : dlopen("libcublasLt.so", RTLD_NOW | RTLD_LOCAL);
}

// ISO C has no conversion from an object's to a function's pointer; POSIX promises that it works.
static bool find(void *library, void *function, const char *name) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
    return symbol != NULL;
}

static bool find_functions(rk__gpu_blas *b) {
    functions *f = &b->f;
    void *l = b->library;
    return find(l, &f->create, "cublasLtCreate") && find(l, &f->destroy, "cublasLtDestroy") &&
           find(l, &f->matmul, "cublasLtMatmul") &&
           find(l, &f->desc_create, "cublasLtMatmulDescCreate") &&
           find(l, &f->desc_destroy, "cublasLtMatmulDescDestroy") &&
           find(l, &f->desc_set, "cublasLtMatmulDescSetAttribute") &&
           find(l, &f->layout_create, "cublasLtMatrixLayoutCreate") &&
           find(l, &f->layout_destroy, "cublasLtMatrixLayoutDestroy") &&
           find(l, &f->preference_create, "cublasLtMatmulPreferenceCreate") &&
           find(l, &f->preference_destroy, "cublasLtMatmulPreferenceDestroy") &&
           find(l, &f->preference_set, "cublasLtMatmulPreferenceSetAttribute") &&
           find(l, &f->choose, "cublasLtMatmulAlgoGetHeuristic");
}

rk__gpu_blas *rk__gpu_blas_open(void) {
    rk__gpu_blas *b = NULL;
    if (rk__alloc((void **)&b, 1, sizeof *b, NULL) != RK_OK) return NULL;
    b->library = open_library();
    const bool works =
        b->library != NULL && find_functions(b) && b->f.create(&b->handle) == CUBLAS_STATUS_SUCCESS;
    if (!works) rk__gpu_blas_close(&b);
    return b;
}

static void forget(rk__gpu_blas *b, shape *s) {
    if (s->desc != NULL) (void)b->f.desc_destroy(s->desc);
    if (s->weights != NULL) (void)b->f.layout_destroy(s->weights);
    if (s->x != NULL) (void)b->f.layout_destroy(s->x);
    if (s->out != NULL) (void)b->f.layout_destroy(s->out);
    *s = (shape){0};
}

void rk__gpu_blas_close(rk__gpu_blas **blas) {
    rk__gpu_blas *b = *blas;
    *blas = NULL;
    if (b == NULL) return;
    for (size_t i = 0; i < b->n_shapes; i++) forget(b, &b->shapes[i]);
    if (b->handle != NULL) (void)b->f.destroy(b->handle);
    if (b->library != NULL) (void)dlclose(b->library);
    rk__free(b);
}

// ---- shapes

static bool is_of(const shape *s, const rk__gpu_gemm *g) {
    return s->rows == g->rows && s->columns == g->columns && s->n_tokens == g->n_tokens &&
           s->out_stride == g->out_stride && s->is_half == g->is_half && s->adds == g->adds;
}

// cuBLASLt counts in columns: our [rows][columns] weights are its columns x rows, transposed.
static bool describe(rk__gpu_blas *b, shape *s) {
    const cudaDataType_t type = s->is_half ? CUDA_R_16F : CUDA_R_32F;
    const cublasOperation_t transposed = CUBLAS_OP_T;
    return b->f.desc_create(&s->desc, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS &&
           b->f.desc_set(s->desc, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed) ==
               CUBLAS_STATUS_SUCCESS &&
           b->f.layout_create(&s->weights, type, s->columns, s->rows, s->columns) ==
               CUBLAS_STATUS_SUCCESS &&
           b->f.layout_create(&s->x, type, s->columns, s->n_tokens, s->columns) ==
               CUBLAS_STATUS_SUCCESS &&
           b->f.layout_create(&s->out, CUDA_R_32F, s->rows, s->n_tokens, s->out_stride) ==
               CUBLAS_STATUS_SUCCESS;
}

static bool choose_algorithm(rk__gpu_blas *b, shape *s) {
    const size_t most = RK__GPU_BLAS_SCRATCH;
    cublasLtMatmulPreference_t preference = NULL;
    cublasLtMatmulHeuristicResult_t result;
    memset(&result, 0, sizeof result);
    int n = 0;
    if (b->f.preference_create(&preference) != CUBLAS_STATUS_SUCCESS) return false;
    bool found = b->f.preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most,
                                     sizeof most) == CUBLAS_STATUS_SUCCESS &&
                 b->f.choose(b->handle, s->desc, s->weights, s->x, s->out, s->out, preference, 1,
                             &result, &n) == CUBLAS_STATUS_SUCCESS &&
                 n > 0 && result.state == CUBLAS_STATUS_SUCCESS;
    (void)b->f.preference_destroy(preference);
    s->algorithm = result.algo;
    s->scratch_bytes = result.workspaceSize;
    return found;
}

static const shape *shape_of(rk__gpu_blas *b, const rk__gpu_gemm *g) {
    for (size_t i = 0; i < b->n_shapes; i++) {
        if (is_of(&b->shapes[i], g)) return &b->shapes[i];
    }
    shape *s = &b->shapes[b->next];
    b->next = (b->next + 1) % N_SHAPES;
    if (b->n_shapes < N_SHAPES) {
        b->n_shapes++;
    } else {
        forget(b, s);
    }
    *s = (shape){.rows = g->rows,
                 .columns = g->columns,
                 .n_tokens = g->n_tokens,
                 .out_stride = g->out_stride,
                 .is_half = g->is_half,
                 .adds = g->adds};
    s->is_possible = describe(b, s) && choose_algorithm(b, s);
    return s;
}

bool rk__gpu_gemm_run(rk__gpu_blas *blas, rk__gpu_stream stream, const rk__gpu_gemm *gemm) {
    const shape *s = shape_of(blas, gemm);
    if (!s->is_possible) return false;
    const float one = 1.0F, kept = gemm->adds ? 1.0F : 0.0F;
    return blas->f.matmul(blas->handle, s->desc, &one, gemm->weights, s->weights, gemm->x, s->x,
                          &kept, gemm->out, s->out, gemm->out, s->out, &s->algorithm, gemm->scratch,
                          s->scratch_bytes, stream) == CUBLAS_STATUS_SUCCESS;
}

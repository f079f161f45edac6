// One pass over the layers of a stage. Everything is started on one stream (layers that are
// streamed in come on a second one), and the host waits once, at the end. A pass that decodes, one
// token of each sequence, is captured as a graph when it comes for the second time, and from then
// on started as a whole.
#include "cuda/cuda_internal.h"

#include <cuda_runtime_api.h>
#include <string.h>

#include "base/memory.h"

// ---- the tokens as numbers for the device

// Numbers of a pass, one list behind the other.
typedef struct lists {
    size_t token, sequence, first, last;          // [n_tokens] each
    size_t span_sequence, span_first, span_count; // [n_spans] each
    size_t wanted, shown;                         // [n_wanted], [n_shown]
    size_t end;
} lists;

static lists lists_of(const rk__batch *b) {
    lists l = {.token = 0};
    l.sequence = b->n_tokens;
    l.first = l.sequence + b->n_tokens;
    l.last = l.first + b->n_tokens;
    l.span_sequence = l.last + b->n_tokens;
    l.span_first = l.span_sequence + b->n_spans;
    l.span_count = l.span_first + b->n_spans;
    l.wanted = l.span_count + b->n_spans;
    l.shown = l.wanted + b->n_wanted;
    l.end = l.shown + b->n_shown;
    return l;
}

static void fill_numbers(int32_t *numbers, const rk__batch *b, const lists *l, bool has_tokens) {
    for (size_t i = 0; i < b->n_spans; i++) {
        const rk__span *span = &b->spans[i];
        numbers[l->span_sequence + i] = (int32_t)span->sequence;
        numbers[l->span_first + i] = (int32_t)span->first;
        numbers[l->span_count + i] = (int32_t)span->count;
        for (size_t t = span->first; t < span->first + span->count; t++) {
            numbers[l->token + t] = has_tokens ? (int32_t)b->tokens[t] : 0;
            numbers[l->sequence + t] = (int32_t)span->sequence;
            numbers[l->first + t] = (int32_t)span->first;
            numbers[l->last + t] = (int32_t)(span->first + span->count - 1);
        }
    }
    for (size_t i = 0; i < b->n_wanted; i++) numbers[l->wanted + i] = (int32_t)b->wanted[i];
    for (size_t i = 0; i < b->n_shown; i++) numbers[l->shown + i] = (int32_t)b->shown[i];
}

static void point_to_numbers(rk__pass *pass, const lists *l) {
    const int32_t *n = pass->workspace->numbers;
    pass->tokens = (rk__gpu_tokens){.token = n + l->token,
                                    .sequence = n + l->sequence,
                                    .first = n + l->first,
                                    .last = n + l->last,
                                    .span_sequence = n + l->span_sequence,
                                    .span_first = n + l->span_first,
                                    .span_count = n + l->span_count,
                                    .n_tokens = (uint32_t)pass->batch->n_tokens,
                                    .n_spans = (uint32_t)pass->batch->n_spans};
    pass->wanted = n + l->wanted;
    pass->shown = n + l->shown;
}

// ---- starting things; after a failure nothing more is started

static void start(rk__pass *pass, unsigned code) {
    if (pass->code == 0) pass->code = code;
}

static void copy(rk__pass *pass, void *to, const void *from, size_t bytes,
                 enum cudaMemcpyKind kind) {
    if (pass->code != 0 || bytes == 0) return;
    start(pass, cudaMemcpyAsync(to, from, bytes, kind, pass->workspace->stream));
}

static void wait_for(rk__pass *pass, void *stream, void *event) {
    if (pass->code == 0) start(pass, cudaStreamWaitEvent(stream, event, 0));
}

static void record(rk__pass *pass, void *event, void *stream) {
    if (pass->code == 0) start(pass, cudaEventRecord(event, stream));
}

// ---- streamed layers: each is copied into a buffer as soon as the layer before in that buffer is
// done

static bool is_streamed(const rk__stage *stage, size_t layer) {
    return layer >= stage->n_resident && layer < stage->n_layers;
}

static void fetch(rk__pass *pass, size_t layer) {
    const rk__stage *stage = pass->stage;
    rk__workspace *w = pass->workspace;
    if (!is_streamed(stage, layer)) return;
    const size_t i = layer - stage->n_resident, buffer = i % RK__STREAM_BUFFERS;
    const rk__cuda_unit *unit = &stage->units[layer];
    wait_for(pass, w->copy_stream, i < RK__STREAM_BUFFERS ? w->begun : w->freed[buffer]);
    if (pass->code != 0) return;
    start(pass, cudaMemcpyAsync(unit->data, unit->host, unit->bytes, cudaMemcpyHostToDevice,
                                w->copy_stream));
    record(pass, w->loaded[buffer], w->copy_stream);
}

static void start_layer(rk__pass *pass, size_t layer) {
    const rk__stage *stage = pass->stage;
    rk__workspace *w = pass->workspace;
    const bool streamed = is_streamed(stage, layer);
    const size_t buffer = streamed ? (layer - stage->n_resident) % RK__STREAM_BUFFERS : 0;
    pass->layer = layer;
    pass->weights = stage->layers + layer * stage->arch->layer_bytes;
    pass->common = pass->weights;
    if (streamed) wait_for(pass, w->stream, w->loaded[buffer]);
    stage->version->time_mixing(pass);
    rk__cuda_channel_mixing(pass);
    if (!streamed) return;
    record(pass, w->freed[buffer], w->stream);
    fetch(pass, layer + RK__STREAM_BUFFERS);
}

static void start_layers(rk__pass *pass) {
    const rk__stage *stage = pass->stage;
    rk__workspace *w = pass->workspace;
    record(pass, w->begun, w->stream);
    for (size_t i = 0; i < RK__STREAM_BUFFERS; i++) fetch(pass, stage->n_resident + i);
    for (size_t i = 0; i < stage->n_layers; i++) start_layer(pass, i);
}

// ---- the ends

static void start_embedding(rk__pass *pass) {
    const rk__stage *stage = pass->stage;
    const rk__gpu_embed a = {.matrix = stage->outer.emb->gpu,
                             .token = pass->tokens.token,
                             .weight = stage->outer.ln0_weight,
                             .bias = stage->outer.ln0_bias,
                             .x = pass->workspace->x,
                             .n_tokens = pass->tokens.n_tokens};
    if (pass->code == 0) start(pass, rk__gpu_embed_run(pass->workspace->stream, &a));
}

static size_t stream_bytes(const rk__pass *pass) {
    return pass->batch->n_tokens * pass->stage->dims.n_embd * sizeof(float);
}

// What the stage before has left is in pinned memory by now.
static void take_over(rk__pass *pass) {
    rk__workspace *w = pass->workspace;
    const rk__cuda_version *version = pass->stage->version;
    copy(pass, w->x, w->host_x, stream_bytes(pass), cudaMemcpyHostToDevice);
    if (!version->hands_on_value) return;
    copy(pass, w->vector[version->first_value], w->host_value, stream_bytes(pass),
         cudaMemcpyHostToDevice);
}

static void hand_on(rk__pass *pass) {
    rk__workspace *w = pass->workspace;
    const rk__cuda_version *version = pass->stage->version;
    copy(pass, w->host_x, w->x, stream_bytes(pass), cudaMemcpyDeviceToHost);
    if (!version->hands_on_value) return;
    copy(pass, w->host_value, w->vector[version->first_value], stream_bytes(pass),
         cudaMemcpyDeviceToHost);
}

static void norm_rows(rk__pass *pass, const int32_t *index, size_t n, rk__gpu_input out) {
    const rk__stage *stage = pass->stage;
    const rk__gpu_norm_rows a = {.x = pass->workspace->x,
                                 .index = index,
                                 .weight = stage->outer.ln_out_weight,
                                 .bias = stage->outer.ln_out_bias,
                                 .out = out,
                                 .n = (uint32_t)n,
                                 .n_embd = (uint32_t)stage->dims.n_embd};
    if (pass->code == 0) start(pass, rk__gpu_norm_rows_run(pass->workspace->stream, &a));
}

// Logits of wanted[first .. first + n), to pinned memory.
static void start_logits(rk__pass *pass, size_t first, size_t n) {
    rk__workspace *w = pass->workspace;
    const rk__matrix *head = pass->stage->outer.head;
    const rk__cuda_input *input = &w->input[0];
    if (n == 0) return;
    pass->n_tokens = n;
    norm_rows(pass, pass->wanted + first, n, rk__cuda_forms(pass, input, head, NULL));
    const rk__cuda_job job = {head, input, w->logits, RK__END_STORE, NULL};
    rk__cuda_multiply(pass, &job, 1);
    copy(pass, w->host_logits, w->logits, n * pass->stage->dims.n_vocab * sizeof(float),
         cudaMemcpyDeviceToHost);
}

static void start_hidden(rk__pass *pass, size_t first, size_t n) {
    rk__workspace *w = pass->workspace;
    if (n == 0) return;
    norm_rows(pass, pass->shown + first, n, (rk__gpu_input){.x = w->hidden});
    copy(pass, w->host_hidden, w->hidden, n * pass->stage->dims.n_embd * sizeof(float),
         cudaMemcpyDeviceToHost);
}

// ---- the pass

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// All of it but rows of logits and hidden beyond the first tile.
static void start_pass(rk__pass *pass, const lists *l) {
    rk__workspace *w = pass->workspace;
    const rk__batch *batch = pass->batch;
    pass->n_tokens = batch->n_tokens;
    copy(pass, w->numbers, w->host_numbers, l->end * sizeof(int32_t), cudaMemcpyHostToDevice);
    if (pass->stage->has_embedding) {
        start_embedding(pass);
    } else {
        take_over(pass);
    }
    start_layers(pass);
    if (pass->stage->has_head) {
        start_logits(pass, 0, smaller(batch->n_wanted, w->max_rows));
        start_hidden(pass, 0, smaller(batch->n_shown, w->max_rows));
    } else {
        hand_on(pass);
    }
}

static void finish(rk__pass *pass) {
    if (pass->code == 0) start(pass, cudaStreamSynchronize(pass->workspace->stream));
}

static bool decodes(const rk__pass *pass) {
    const rk__batch *b = pass->batch;
    const size_t most = pass->workspace->max_rows;
    return b->n_spans == b->n_tokens && b->observer == NULL && b->n_wanted <= most &&
           b->n_shown <= most;
}

static bool same_key(const rk__cuda_graph_key *a, const rk__cuda_graph_key *b) {
    return a->state == b->state && a->n_tokens == b->n_tokens && a->n_spans == b->n_spans &&
           a->n_wanted == b->n_wanted && a->n_shown == b->n_shown;
}

static void drop_graph(rk__workspace *w) {
    if (w->graph != NULL) (void)cudaGraphExecDestroy(w->graph);
    w->graph = NULL;
}

// Captures the pass; workspace->graph is NULL after a failure.
static void capture(rk__pass *pass, const lists *l) {
    rk__workspace *w = pass->workspace;
    cudaGraph_t graph = NULL;
    cudaGraphExec_t executable = NULL;
    drop_graph(w);
    start(pass, cudaStreamBeginCapture(w->stream, cudaStreamCaptureModeThreadLocal));
    if (pass->code != 0) return;
    start_pass(pass, l);
    start(pass, cudaStreamEndCapture(w->stream, &graph)); // also after a failure, to end it
    if (pass->code == 0) start(pass, cudaGraphInstantiate(&executable, graph, 0));
    if (graph != NULL) (void)cudaGraphDestroy(graph);
    if (pass->code == 0) w->graph = executable;
}

// The pass itself, or a graph of it. The device has done it when this returns.
static void run_pass(rk__pass *pass, const lists *l) {
    rk__workspace *w = pass->workspace;
    const rk__batch *b = pass->batch;
    const rk__cuda_graph_key key = {pass->state->data, b->n_tokens, b->n_spans, b->n_wanted,
                                    b->n_shown};
    const bool comes_again = decodes(pass) && same_key(&key, &w->last_key);
    if (comes_again && (w->graph == NULL || !same_key(&key, &w->graph_key))) {
        capture(pass, l);
        w->graph_key = key;
    }
    w->last_key = decodes(pass) ? key : (rk__cuda_graph_key){0};
    if (comes_again && w->graph != NULL) {
        if (pass->code == 0) start(pass, cudaGraphLaunch(w->graph, w->stream));
    } else {
        start_pass(pass, l);
    }
    finish(pass);
}

// ---- results

static void take_logits(const rk__pass *pass, size_t first, size_t n) {
    const size_t n_vocab = pass->stage->dims.n_vocab;
    for (size_t i = 0; i < n; i++) {
        memcpy(pass->batch->logits[first + i], pass->workspace->host_logits + i * n_vocab,
               n_vocab * sizeof(float));
    }
}

static void take_hidden(const rk__pass *pass, size_t first, size_t n) {
    const size_t n_embd = pass->stage->dims.n_embd;
    for (size_t i = 0; i < n; i++) {
        memcpy(pass->batch->hidden[first + i], pass->workspace->host_hidden + i * n_embd,
               n_embd * sizeof(float));
    }
}

// The first tile is there; further ones follow, each with a wait of its own.
static void take_results(rk__pass *pass) {
    const rk__batch *b = pass->batch;
    const size_t most = pass->workspace->max_rows;
    for (size_t first = 0; first < b->n_wanted && pass->code == 0; first += most) {
        const size_t n = smaller(b->n_wanted - first, most);
        if (first > 0) start_logits(pass, first, n);
        if (first > 0) finish(pass);
        if (pass->code == 0) take_logits(pass, first, n);
    }
    for (size_t first = 0; first < b->n_shown && pass->code == 0; first += most) {
        const size_t n = smaller(b->n_shown - first, most);
        if (first > 0) start_hidden(pass, first, n);
        if (first > 0) finish(pass);
        if (pass->code == 0) take_hidden(pass, first, n);
    }
}

// Between the caller's memory and pinned memory.
static void bring(rk__pass *pass) {
    rk__workspace *w = pass->workspace;
    if (pass->stage->has_embedding) return;
    memcpy(w->host_x, pass->batch->x, stream_bytes(pass));
    if (pass->stage->version->hands_on_value) {
        memcpy(w->host_value, pass->batch->first_value, stream_bytes(pass));
    }
}

static void fetch_results(rk__pass *pass) {
    const rk__workspace *w = pass->workspace;
    if (pass->stage->has_head) {
        take_results(pass);
        return;
    }
    memcpy(pass->batch->x, w->host_x, stream_bytes(pass));
    if (pass->stage->version->hands_on_value) {
        memcpy(pass->batch->first_value, w->host_value, stream_bytes(pass));
    }
}

rk_status rk__cuda_forward(const rk__stage *stage, rk__workspace *workspace, rk__stage_state *state,
                           const rk__batch *batch, rk_error *err) {
    if (state->failed != RK_OK) {
        if (err != NULL) *err = state->error;
        return state->failed;
    }
    RK_TRY(rk__gpu_use(stage->device, err));
    const lists l = lists_of(batch);
    rk__pass pass = {.stage = stage, .workspace = workspace, .batch = batch, .state = state};
    fill_numbers(workspace->host_numbers, batch, &l, stage->has_embedding);
    point_to_numbers(&pass, &l);
    bring(&pass);
    run_pass(&pass, &l);
    if (pass.code == 0) fetch_results(&pass);
    return rk__gpu_check(pass.code, stage->device, "computing", err);
}

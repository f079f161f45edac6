// Fuzz target: strategy strings. One that is understood is placed: on no GPU, on one, on two small
// ones.
#include <stdlib.h>
#include <string.h>

#include "checkpoint_probe.h"
#include "fuzz_input.h"
#include "fuzz_target.h"
#include "stage/explain.h"

enum { N_LAYERS = 5 };

static void check_words(const rk__placement *placement) {
    rk__explained_stage stages[RK__MAX_STAGES];
    char table[RK__EXPLANATION], line[64];
    for (size_t i = 0; i < placement->n_stages; i++) {
        stages[i] = (rk__explained_stage){&placement->stages[i], RK_DTYPE_F16};
    }
    (void)rk__explain_table(table, stages, placement->n_stages, NULL);
    fuzz_require(table[strlen(table) - 1] == '\n', "tables end with a line");
    fuzz_require(strlen(rk__explain_line(line, sizeof line, stages, placement->n_stages)) < 64,
                 "lines are cut");
}

// Every layer stands somewhere, once and in order; one stage has the embedding, one the head.
static void check_stages(const rk__placement *placement) {
    size_t next = 0, n_heads = 0;
    fuzz_require(placement->n_stages > 0 && placement->n_stages <= RK__MAX_STAGES, "some stages");
    for (size_t i = 0; i < placement->n_stages; i++) {
        const rk__placed *stage = &placement->stages[i];
        fuzz_require(stage->first_layer == next, "layers follow each other");
        fuzz_require(stage->n_resident <= stage->n_layers, "no more stay than there are");
        fuzz_require(stage->n_layers > 0 || stage->has_head, "no stage is empty");
        fuzz_require(stage->has_embedding == (i == 0), "the first one has the embedding");
        next += stage->n_layers;
        n_heads += stage->has_head ? 1 : 0;
    }
    fuzz_require(next == N_LAYERS, "all layers are placed");
    fuzz_require(n_heads == 1 && placement->stages[placement->n_stages - 1].has_head,
                 "the last one has the head");
}

static void place(const rk__strategy *strategy, const rk__device_room *rooms, size_t n_rooms) {
    static uint64_t slots[N_LAYERS + 1] = {130, 100, 100, 120, 100, 60};
    rk__layer_bytes bytes[RK__MAX_STAGES];
    for (size_t i = 0; i < strategy->n_parts; i++) bytes[i] = (rk__layer_bytes){slots, 50};
    const rk__placement_request request = {strategy, N_LAYERS, bytes, rooms, n_rooms};
    rk__placement placement;
    rk_error err = {0};
    const rk_status status = rk__place_layers(&placement, &request, &err);
    if (status != RK_OK) {
        fuzz_require(!strategy->automatic, "auto always has a place");
        fuzz_require(status == RK_ERR_DEVICE || status == RK_ERR_MEMORY, "one of two reasons");
        probe_error(status, &err);
        return;
    }
    check_stages(&placement);
    check_words(&placement);
    for (size_t r = 0; r < n_rooms; r++) {
        uint64_t used = 0;
        for (size_t i = 0; i < placement.n_stages; i++) {
            const rk__placed *stage = &placement.stages[i];
            if (rk__same_device(stage->device, rooms[r].device)) used += stage->device_bytes;
        }
        fuzz_require(used <= rooms[r].bytes, "what is placed fits");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (text == NULL) return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    rk__strategy strategy;
    rk_error err = {0};
    const rk_status status = rk__strategy_parse(&strategy, text, &err);
    if (status == RK_OK) {
        static const rk__device_room rooms[] = {{{RK__DEVICE_CUDA, 0}, 350},
                                                {{RK__DEVICE_CUDA, 1}, 400}};
        static const rk__device_room large = {{RK__DEVICE_CUDA, 0}, 10000};
        fuzz_require(strategy.n_parts > 0 && strategy.n_parts <= RK__MAX_STAGES, "some parts");
        place(&strategy, NULL, 0);
        place(&strategy, &large, 1);
        place(&strategy, rooms, 2);
    } else {
        fuzz_require(status == RK_ERR_ARGUMENT || status == RK_ERR_UNSUPPORTED,
                     "nothing else is wrong with a text");
        probe_error(status, &err);
    }
    free(text);
    return 0;
}

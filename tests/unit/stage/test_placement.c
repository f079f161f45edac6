// Placement on devices that do not exist: a model of 4 layers of 100 bytes (the first one 150), an
// embedding of 50 and a head of 60, unless a test says otherwise.
#include "stage/placement.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "stage/explain.h"

enum { N_LAYERS = 4 };

static uint64_t slots[N_LAYERS + 1] = {150, 100, 100, 100, 60};
static const rk__layer_bytes bytes = {slots, 50};

// Half of that, as 8 bits take.
static uint64_t small_slots[N_LAYERS + 1] = {75, 50, 50, 50, 30};
static const rk__layer_bytes small_bytes = {small_slots, 25};

typedef struct result {
    rk__placement placement;
    rk_status status;
    rk_error err;
} result;

// GPUs with these many bytes for weights; 0 ends them.
static result place(const char *text, const uint64_t *gpus) {
    rk__strategy strategy;
    result r = {0};
    cr_assert_eq(rk__strategy_parse(&strategy, text, &r.err), RK_OK, "%s", r.err.message);
    rk__layer_bytes of_parts[RK__MAX_STAGES];
    for (size_t i = 0; i < strategy.n_parts; i++) {
        const bool small =
            !strategy.parts[i].keep_types && strategy.parts[i].dtype == RK_DTYPE_Q8_0;
        of_parts[i] = small ? small_bytes : bytes;
    }
    rk__device_room rooms[RK__MAX_DEVICES];
    size_t n = 0;
    for (; gpus[n] != 0; n++) rooms[n] = (rk__device_room){{RK__DEVICE_CUDA, n}, gpus[n]};
    const rk__placement_request request = {&strategy, N_LAYERS, of_parts, rooms, n};
    r.status = rk__place_layers(&r.placement, &request, &r.err);
    return r;
}

// The stages as "cuda:0 0+3 resident 3 emb head 600|..." to be compared.
static void expect(const char *text, const uint64_t *gpus, const char *wanted) {
    const result r = place(text, gpus);
    cr_assert_eq(r.status, RK_OK, "%s: %s", text, r.err.message);
    char found[512] = "";
    for (size_t i = 0; i < r.placement.n_stages; i++) {
        const rk__placed *s = &r.placement.stages[i];
        char name[RK__DEVICE_TEXT], line[128];
        (void)snprintf(line, sizeof line, "%s%s %zu+%zu/%zu%s%s %llu", i == 0 ? "" : " | ",
                       rk__device_name(name, s->device), s->first_layer, s->n_layers, s->n_resident,
                       s->has_embedding ? " emb" : "", s->has_head ? " head" : "",
                       (unsigned long long)s->device_bytes);
        strcat(found, line);
    }
    cr_expect_str_eq(found, wanted, "%s: found %s", text, found);
}

static const uint64_t none[] = {0};
static const uint64_t one[] = {1000, 0};
static const uint64_t two[] = {300, 260, 0};

Test(placement, one_part_has_everything) {
    expect("cpu", none, "cpu 0+4/4 emb head 560");
    expect("cuda fp16", one, "cuda:0 0+4/4 emb head 560");
    expect("cpu *9", none, "cpu 0+4/4 emb head 560");
}

// The head is one layer more, as in the rwkv package.
Test(placement, counts_cut_the_model) {
    expect("cpu *1 -> cpu", none, "cpu 0+1/1 emb 200 | cpu 1+3/3 head 360");
    expect("cpu *4 -> cpu", none, "cpu 0+4/4 emb 500 | cpu 4+0/0 head 60");
    expect("cpu *5 -> cpu", none, "cpu 0+4/4 emb head 560");
    expect("cpu *0 -> cpu", none, "cpu 0+4/4 emb head 560");
    expect("cuda *2 -> cpu *9 -> cpu", one, "cuda:0 0+2/2 emb 300 | cpu 2+2/2 head 260");
    expect("cuda fp16i8 *2 -> cpu", one, "cuda:0 0+2/2 emb 150 | cpu 2+2/2 head 260");
}

Test(placement, parts_without_a_count_share_the_rest) {
    expect("cpu -> cpu", none, "cpu 0+2/2 emb 300 | cpu 2+2/2 head 260");
    expect("cpu *1 -> cpu -> cpu", none, "cpu 0+1/1 emb 200 | cpu 1+2/2 200 | cpu 3+1/1 head 160");
    expect("cpu -> cpu *1", none, "cpu 0+4/4 emb 500 | cpu 4+0/0 head 60");
    // Counts that do not reach: the last part takes what is left.
    expect("cpu *1 -> cpu *1", none, "cpu 0+1/1 emb 200 | cpu 1+3/3 head 360");
}

Test(placement, two_gpus) {
    expect("cuda:0 *2 -> cuda:1", two, "cuda:0 0+2/2 emb 300 | cuda:1 2+2/2 head 260");
    expect("cuda:1 *1 -> cuda:0 *1 -> cpu", two,
           "cuda:1 0+1/1 emb 200 | cuda:0 1+1/1 100 | cpu 2+2/2 head 260");
}

// Two buffers of a layer each hold what is not resident.
Test(placement, streamed_layers) {
    expect("cuda *2+", one, "cuda:0 0+4/2 emb head 560");
    expect("cuda *0+", one, "cuda:0 0+4/0 emb head 410");
    expect("cuda *1+ -> cpu *2", one, "cuda:0 0+3/1 emb 400 | cpu 3+1/1 head 160");
    expect("cuda *3+", one, "cuda:0 0+4/3 emb head 560"); // one streamed layer: one buffer
    expect("cuda *9+", one, "cuda:0 0+4/4 emb head 560");
    const result r = place("cuda *1+", one);
    cr_assert_eq(r.placement.stages[0].host_bytes, 300);
}

Test(placement, as_many_resident_as_fit) {
    expect("cuda +", (uint64_t[]){560, 0}, "cuda:0 0+4/4 emb head 560");
    // 50 + 60 + 150 + 2 buffers of 100, then 50 + 60 and 2 buffers of 150
    expect("cuda +", (uint64_t[]){470, 0}, "cuda:0 0+4/1 emb head 460");
    expect("cuda +", (uint64_t[]){459, 0}, "cuda:0 0+4/0 emb head 410");
    const result r = place("cuda +", (uint64_t[]){409, 0});
    cr_assert_eq(r.status, RK_ERR_MEMORY);
    cr_assert_not_null(strstr(r.err.message, "cuda:0: layers 0 to 3"), "%s", r.err.message);
}

Test(placement, what_does_not_fit_is_refused_with_the_numbers) {
    result r = place("cuda *2 -> cpu", (uint64_t[]){299, 0});
    cr_assert_eq(r.status, RK_ERR_MEMORY);
    cr_assert_not_null(strstr(r.err.message, "layers 0 to 1 take 0.0 MiB"), "%s", r.err.message);
    // Two parts on one device share its room.
    r = place("cuda *2 -> cuda", (uint64_t[]){559, 0});
    cr_assert_eq(r.status, RK_ERR_MEMORY);
    expect("cuda *2 -> cuda", (uint64_t[]){560, 0}, "cuda:0 0+2/2 emb 300 | cuda:0 2+2/2 head 260");
}

Test(placement, devices_that_are_not_there) {
    result r = place("cuda", none);
    cr_assert_eq(r.status, RK_ERR_DEVICE);
    cr_assert_not_null(strstr(r.err.message, "no cuda:0: this machine has 0 GPUs"), "%s",
                       r.err.message);
    r = place("cuda:1", one);
    cr_assert_eq(r.status, RK_ERR_DEVICE);
    cr_assert_not_null(strstr(r.err.message, "no cuda:1: this machine has 1 GPU"), "%s",
                       r.err.message);
    expect("cuda:1 *0 -> cpu", none, "cpu 0+4/4 emb head 560"); // not used, not missed
}

Test(placement, automatic) {
    expect("auto", none, "cpu 0+4/4 emb head 560");
    expect("auto", one, "cuda:0 0+4/4 emb head 560");
    expect("auto", two, "cuda:0 0+2/2 emb 300 | cuda:1 2+2/2 head 260");
    expect("auto", (uint64_t[]){300, 0}, "cuda:0 0+2/2 emb 300 | cpu 2+2/2 head 260");
    expect("auto", (uint64_t[]){199, 0}, "cpu 0+4/4 emb head 560");
    // The first GPU is too small for anything.
    expect("auto", (uint64_t[]){10, 500, 0}, "cuda:1 0+4/4 emb 500 | cpu 4+0/0 head 60");
    expect("auto fp16i8", (uint64_t[]){280, 0}, "cuda:0 0+4/4 emb head 280");
}

Test(placement, is_explained) {
    const result r = place("cuda *1+ -> cpu *2", one);
    const rk__explained_stage stages[] = {{&r.placement.stages[0], RK_DTYPE_F16},
                                          {&r.placement.stages[1], RK_DTYPE_Q8_0}};
    char text[RK__EXPLANATION];
    cr_assert_str_eq(rk__explain_table(text, stages, 2, "a note"),
                     "a note\n"
                     "layers                       device   type          MiB\n"
                     "0, streamed 1-2              cuda:0   FP16          0.0\n"
                     "  waiting to be streamed     host                   0.0\n"
                     "3, head                      cpu      Q8_0          0.0\n");
    cr_assert_str_eq(rk__explain_line(text, sizeof text, stages, 2), "cuda:0 FP16 *1+ -> cpu Q8_0");
    cr_assert_str_eq(rk__explain_line(text, 9, stages, 2), "cuda:0 F"); // cut, and terminated
    const rk__explained_stage whole = {&r.placement.stages[1], RK_DTYPE_F32};
    cr_assert_str_eq(rk__explain_line(text, sizeof text, &whole, 1), "cpu FP32");
}

// Strategy, sizes and devices go in, open stages come out.
#include "model/placing.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cuda/cuda_devices.h"
#include "stage/explain.h"
#include "stage/weigh_layers.h"

static const rk__stage_ops *ops_of(rk__device_kind kind) {
    return kind == RK__DEVICE_CUDA ? &rk__cuda_stage_ops : &rk__cpu_stage_ops;
}

// ---- the devices

// Beside weights a GPU holds workspaces, states and the driver's own things.
static uint64_t spare_bytes(uint64_t total) {
    static const uint64_t least = (uint64_t)512 << 20;
    return total / 16 > least ? total / 16 : least;
}

static rk_status find_rooms(rk__device_room rooms[RK__MAX_DEVICES], size_t *n_rooms,
                            uint64_t vram_bytes, rk_error *err) {
    const size_t n = rk__cuda_device_count(NULL);
    *n_rooms = n < RK__MAX_DEVICES ? n : RK__MAX_DEVICES;
    for (size_t i = 0; i < *n_rooms; i++) {
        rk__cuda_device_info info;
        RK_TRY(rk__cuda_device_describe(&info, i, err));
        const uint64_t spare = spare_bytes(info.total_bytes);
        const uint64_t most = info.free_bytes > spare ? info.free_bytes - spare : 0;
        const bool is_limited = vram_bytes > 0 && vram_bytes < most;
        rooms[i] = (rk__device_room){.device = {RK__DEVICE_CUDA, i},
                                     .bytes = is_limited ? vram_bytes : most};
    }
    return RK_OK;
}

static bool wants_gpu(const rk__strategy *strategy) {
    bool wants = strategy->automatic;
    for (size_t i = 0; i < strategy->n_parts; i++) {
        wants |= strategy->parts[i].device.kind != RK__DEVICE_CPU;
    }
    return wants;
}

// ---- sizes

static void free_bytes(rk__layer_bytes bytes[RK__MAX_STAGES]) {
    for (size_t i = 0; i < RK__MAX_STAGES; i++) rk__free(bytes[i].slots);
}

static rk_status weigh_parts(rk__layer_bytes bytes[RK__MAX_STAGES], const rk_model *model,
                             const rk__strategy *strategy, rk_error *err) {
    const size_t n_slots = model->info.dims.n_layer + 1;
    for (size_t i = 0; i < strategy->n_parts; i++) {
        const rk__strategy_part *part = &strategy->parts[i];
        RK_TRY(rk__alloc((void **)&bytes[i].slots, n_slots, sizeof bytes[i].slots[0], err));
        RK_TRY(rk__weigh_layers(&bytes[i], &model->weights, part->keep_types, part->dtype, err));
    }
    return RK_OK;
}

static rk_status place(rk_model *model, const rk__strategy *strategy, const rk__device_room *rooms,
                       size_t n_rooms, rk_error *err) {
    rk__layer_bytes bytes[RK__MAX_STAGES] = {0};
    rk_status status = weigh_parts(bytes, model, strategy, err);
    if (status == RK_OK) {
        const rk__placement_request request = {.strategy = strategy,
                                               .n_layers = model->info.dims.n_layer,
                                               .bytes = bytes,
                                               .rooms = rooms,
                                               .n_rooms = n_rooms};
        status = rk__place_layers(&model->placement, &request, err);
    }
    free_bytes(bytes);
    return status;
}

// ---- opening

static uint64_t total_weight_bytes(const rk__weights *weights) {
    uint64_t total = 0;
    for (size_t i = 0; i < weights->plan.n_tensors; i++) {
        total += rk__weights_source_bytes(weights, &weights->plan.tensors[i]);
    }
    return total;
}

// Training normalises y / 8 with eps 1e-5; that is y with 8 * 8 * 1e-5.
static float group_norm_eps(const rk_model *model, const rk_model_options *options) {
    const bool chosen = model->info.arch == RK_ARCH_RWKV5 && options->rwkv5_group_norm_eps > 0.0F;
    return chosen ? options->rwkv5_group_norm_eps : 64e-5F;
}

static rk_status open_placed(rk_model *model, const rk_model_options *options, rk_error *err) {
    rk__stage_part part = {.group_norm_eps = group_norm_eps(model, options),
                           .pool = options->pool,
                           .progress = options->progress,
                           .total = total_weight_bytes(&model->weights)};
    for (size_t i = 0; i < model->placement.n_stages; i++) {
        const rk__placed *placed = &model->placement.stages[i];
        rk__model_stage *s = &model->stages[i];
        part.first_layer = placed->first_layer;
        part.n_layers = placed->n_layers;
        part.has_embedding = placed->has_embedding;
        part.has_head = placed->has_head;
        part.keep_types = placed->keep_types;
        part.dtype = placed->dtype;
        part.device_index = placed->device.index;
        part.n_resident = placed->n_resident;
        s->ops = ops_of(placed->device.kind);
        s->first_layer = placed->first_layer;
        RK_TRY(s->ops->open(&s->stage, &model->weights, &part, err));
        model->n_stages++;
    }
    return RK_OK;
}

static void close_stages(rk_model *model) {
    for (size_t i = 0; i < model->n_stages; i++) {
        model->stages[i].ops->close(&model->stages[i].stage);
    }
    model->n_stages = 0;
}

// ---- describing

static void describe_stages(rk_model *model, const char *note) {
    rk_model_info *info = &model->info;
    rk__explained_stage explained[RK__MAX_STAGES];
    for (size_t i = 0; i < model->n_stages; i++) {
        const rk__model_stage *s = &model->stages[i];
        rk__placed *placed = &model->placement.stages[i];
        const uint64_t bytes = s->ops->weight_bytes(s->stage);
        info->weight_bytes += bytes;
        info->embedding_bytes += s->ops->embedding_bytes(s->stage);
        if (placed->n_resident == placed->n_layers) placed->device_bytes = bytes;
        explained[i] = (rk__explained_stage){placed, s->ops->main_dtype(s->stage)};
    }
    info->dtype = explained[0].dtype;
    info->strategy =
        rk__explain_line(model->strategy, sizeof model->strategy, explained, model->n_stages);
    info->placement = rk__explain_table(model->table, explained, model->n_stages, note);
}

// A strategy that names a GPU where none can be used.
static rk_status refuse_gpu(const rk_model_options *options, rk_error *err) {
    char why[RK__CUDA_WHY];
    (void)rk__cuda_device_count(why);
    return rk__fail(err, RK_ERR_DEVICE, "strategy \"%.80s\": no GPU can be used: %s",
                    options->strategy, why);
}

// What was chosen, and why no GPU was.
static void note_choice(char *note, size_t size, size_t n_rooms) {
    char why[RK__CUDA_WHY] = "";
    if (n_rooms == 0) (void)rk__cuda_device_count(why);
    if (n_rooms == 0) {
        (void)snprintf(note, size, "auto: no GPU can be used: %s", why);
    } else {
        (void)snprintf(note, size, "auto: as much on %zu GPU%s as fits", n_rooms,
                       n_rooms == 1 ? "" : "s");
    }
}

static bool is_device_failure(rk_status status) {
    return status == RK_ERR_DEVICE || status == RK_ERR_MEMORY;
}

rk_status rk__model_open_stages(rk_model *model, const rk__strategy *strategy,
                                const rk_model_options *options, rk_error *err) {
    rk__device_room rooms[RK__MAX_DEVICES] = {0};
    size_t n_rooms = 0;
    char note[RK__CUDA_WHY + 64] = "";
    rk_error failure = {0};
    rk_status status = RK_OK;
    if (wants_gpu(strategy)) status = find_rooms(rooms, &n_rooms, options->vram_bytes, &failure);
    if (status == RK_OK && strategy->automatic) note_choice(note, sizeof note, n_rooms);
    if (status == RK_OK) status = place(model, strategy, rooms, n_rooms, &failure);
    if (status == RK_ERR_DEVICE && n_rooms == 0 && !strategy->automatic) {
        return refuse_gpu(options, err);
    }
    if (status == RK_OK) status = open_placed(model, options, &failure);
    if (is_device_failure(status) && strategy->automatic && n_rooms > 0) {
        close_stages(model);
        (void)snprintf(note, sizeof note, "auto: no GPU is used: %.250s", failure.message);
        status = place(model, strategy, NULL, 0, &failure);
        if (status == RK_OK) status = open_placed(model, options, &failure);
    }
    if (status != RK_OK) {
        if (err != NULL) *err = failure;
        return status;
    }
    describe_stages(model, note[0] == '\0' ? NULL : note);
    return RK_OK;
}

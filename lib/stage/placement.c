// Follows strategies.
#include "stage/placement.h"

#include <assert.h>

static double mib(uint64_t bytes) {
    return (double)bytes / (1024.0 * 1024.0);
}

// What of the model a stage has, in slots: [first, first + n) of layers and head.
typedef struct slots {
    size_t first, n;
} slots;

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// ---- how many slots each part has

// Parts without a number share what is left, the last one of all takes what then remains.
static void share_rest(size_t counts[RK__MAX_STAGES], const rk__strategy *s, size_t rest) {
    size_t n_open = 0;
    for (size_t i = 0; i < s->n_parts; i++) n_open += s->parts[i].has_count ? 0 : 1;
    for (size_t i = 0; i < s->n_parts && n_open > 0; i++) {
        if (s->parts[i].has_count) continue;
        counts[i] = rest / n_open--;
        rest -= counts[i];
    }
    counts[s->n_parts - 1] += rest;
}

// The part with '+' takes what the others' numbers leave.
static void count_slots(size_t counts[RK__MAX_STAGES], const rk__strategy *s, size_t n_slots) {
    size_t rest = n_slots, streamed = s->n_parts;
    for (size_t i = 0; i < s->n_parts; i++) {
        const rk__strategy_part *part = &s->parts[i];
        counts[i] = 0;
        if (part->streams) streamed = i;
        if (!part->has_count) continue;
        counts[i] = smaller(part->count, rest);
        rest -= counts[i];
    }
    if (streamed < s->n_parts) {
        counts[streamed] += rest;
    } else if (rest > 0) {
        share_rest(counts, s, rest);
    }
}

// ---- bytes

static uint64_t sum(const uint64_t *values, size_t n) {
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++) total += values[i];
    return total;
}

static uint64_t largest(const uint64_t *values, size_t n) {
    uint64_t most = 0;
    for (size_t i = 0; i < n; i++) most = values[i] > most ? values[i] : most;
    return most;
}

// Fills in what the stage takes with n_resident of its layers on the device.
static void weigh(rk__placed *stage, const rk__layer_bytes *bytes, size_t n_layers,
                  size_t n_resident) {
    const uint64_t *layers = bytes->slots + stage->first_layer;
    const size_t n_streamed = stage->n_layers - n_resident;
    stage->n_resident = n_resident;
    stage->device_bytes = sum(layers, n_resident);
    stage->device_bytes +=
        largest(layers + n_resident, n_streamed) * smaller(n_streamed, RK__STREAM_BUFFERS);
    stage->host_bytes = sum(layers + n_resident, n_streamed);
    if (stage->has_embedding) stage->device_bytes += bytes->embedding;
    if (stage->has_head) stage->device_bytes += bytes->slots[n_layers];
}

static rk__placed make_stage(const rk__strategy_part *part, slots of, size_t n_layers) {
    const bool has_head = of.first + of.n > n_layers;
    return (rk__placed){.device = part->device,
                        .keep_types = part->keep_types,
                        .dtype = part->dtype,
                        .first_layer = of.first,
                        .n_layers = of.n - (has_head ? 1 : 0),
                        .has_embedding = of.first == 0,
                        .has_head = has_head};
}

// ---- rooms

// What is left of the devices' rooms; of the CPU there is no end.
typedef struct placer {
    const rk__placement_request *request;
    uint64_t left[RK__MAX_DEVICES]; // of request->rooms
    rk__placement *out;
    rk_error *err;
} placer;

static uint64_t *room_of(placer *p, rk__device device) {
    for (size_t i = 0; i < p->request->n_rooms; i++) {
        if (rk__same_device(p->request->rooms[i].device, device)) return &p->left[i];
    }
    return NULL;
}

static rk_status refuse_size(const placer *p, const rk__placed *stage, uint64_t left) {
    char name[RK__DEVICE_TEXT];
    (void)rk__device_name(name, stage->device);
    if (stage->n_layers == 0) {
        return rk__fail(p->err, RK_ERR_MEMORY,
                        "%s: the head takes %.1f MiB, and there is room for %.1f MiB of weights",
                        name, mib(stage->device_bytes), mib(left));
    }
    return rk__fail(
        p->err, RK_ERR_MEMORY,
        "%s: layers %zu to %zu take %.1f MiB with %zu of them resident, and there is "
        "room for %.1f MiB of weights (fewer layers: *N; streamed: *N+; as many as fit: "
        "auto)",
        name, stage->first_layer, stage->first_layer + stage->n_layers - 1,
        mib(stage->device_bytes), stage->n_resident, mib(left));
}

// As many layers stay as fit, and every layer that stays must be worth it: with all of them there
// are no buffers.
static void fit_resident(rk__placed *stage, const rk__layer_bytes *bytes, size_t n_layers,
                         uint64_t left) {
    for (size_t n = stage->n_layers + 1; n-- > 0;) {
        weigh(stage, bytes, n_layers, n);
        if (stage->device_bytes <= left) return;
    }
}

static rk_status add_stage(placer *p, size_t part_index, slots of) {
    const size_t n_layers = p->request->n_layers;
    const rk__strategy_part *part = &p->request->strategy->parts[part_index];
    const rk__layer_bytes *bytes = &p->request->bytes[part_index];
    rk__placed stage = make_stage(part, of, n_layers);
    uint64_t *left = NULL;
    if (part->device.kind != RK__DEVICE_CPU) {
        left = room_of(p, part->device);
        if (left == NULL) {
            char name[RK__DEVICE_TEXT];
            return rk__fail(p->err, RK_ERR_DEVICE, "there is no %s: this machine has %zu GPU%s",
                            rk__device_name(name, part->device), p->request->n_rooms,
                            p->request->n_rooms == 1 ? "" : "s");
        }
    }
    if (part->streams && !part->has_count) {
        fit_resident(&stage, bytes, n_layers, *left);
    } else {
        weigh(&stage, bytes, n_layers,
              part->streams ? smaller(part->count, stage.n_layers) : stage.n_layers);
    }
    if (left != NULL) {
        if (stage.device_bytes > *left) return refuse_size(p, &stage, *left);
        *left -= stage.device_bytes;
    }
    p->out->stages[p->out->n_stages++] = stage;
    return RK_OK;
}

// ---- automatic

// As much as fits: GPU after GPU takes layers from the first one on, then the CPU. What one of them
// cannot take at all goes to the next.
static rk_status place_automatically(placer *p) {
    const rk__placement_request *request = p->request;
    const rk__layer_bytes *bytes = &request->bytes[0];
    const size_t n_slots = request->n_layers + 1;
    size_t next = 0;
    for (size_t i = 0; i < request->n_rooms && next < n_slots; i++) {
        if (p->out->n_stages + 1 == RK__MAX_STAGES) break; // one is left for the CPU
        uint64_t left = p->left[i], needed = next == 0 ? bytes->embedding : 0;
        size_t n = 0;
        while (next + n < n_slots && bytes->slots[next + n] <= left &&
               needed + bytes->slots[next + n] <= left) {
            needed += bytes->slots[next + n++];
        }
        if (n == 0) continue;
        rk__strategy_part part = request->strategy->parts[0];
        part.device = request->rooms[i].device;
        rk__placed stage = make_stage(&part, (slots){next, n}, request->n_layers);
        weigh(&stage, bytes, request->n_layers, stage.n_layers);
        p->out->stages[p->out->n_stages++] = stage;
        next += n;
    }
    return next == n_slots ? RK_OK : add_stage(p, 0, (slots){next, n_slots - next});
}

rk_status rk__place_layers(rk__placement *out, const rk__placement_request *request,
                           rk_error *err) {
    placer p = {.request = request, .out = out, .err = err};
    *out = (rk__placement){0};
    assert(request->n_rooms <= RK__MAX_DEVICES);
    for (size_t i = 0; i < request->n_rooms; i++) p.left[i] = request->rooms[i].bytes;
    if (request->strategy->automatic) return place_automatically(&p);
    size_t counts[RK__MAX_STAGES];
    count_slots(counts, request->strategy, request->n_layers + 1);
    size_t next = 0;
    for (size_t i = 0; i < request->strategy->n_parts; i++) {
        if (counts[i] == 0) continue;
        RK_TRY(add_stage(&p, i, (slots){next, counts[i]}));
        next += counts[i];
    }
    return RK_OK;
}

// Placement: which layers are on which device. Pure arithmetic on what a strategy says, what layers
// take and what devices have, so that it can be tried with devices that do not exist.
#ifndef RK_PLACEMENT_H
#define RK_PLACEMENT_H

#include <stdint.h>

#include "stage/strategy.h"

// A device that strategies may name, beside the CPU.
typedef struct rk__device_room {
    rk__device device;
    uint64_t bytes; // for weights
} rk__device_room;

// Bytes of weights in the types that one part of a strategy wants them in.
typedef struct rk__layer_bytes {
    uint64_t *slots; // [n_layers + 1]: the layers; the last norm and the head
    uint64_t embedding;
} rk__layer_bytes;

typedef struct rk__placement_request {
    const rk__strategy *strategy;
    size_t n_layers;
    const rk__layer_bytes *bytes; // [strategy->n_parts]
    const rk__device_room *rooms; // [n_rooms], GPUs in their order
    size_t n_rooms;
} rk__placement_request;

// One stage: consecutive layers on a device.
typedef struct rk__placed {
    rk__device device;
    bool keep_types;
    rk_dtype dtype;
    size_t first_layer, n_layers;
    size_t n_resident; // the first of its layers stay on the device, the others are streamed
    bool has_embedding, has_head;
    uint64_t device_bytes; // what stays on the device, and the buffers of what is streamed
    uint64_t host_bytes;   // of streamed layers, in the host's memory
} rk__placed;

typedef struct rk__placement {
    rk__placed stages[RK__MAX_STAGES];
    size_t n_stages;
} rk__placement;

// Streamed layers go through this many buffers on the device.
enum { RK__STREAM_BUFFERS = 2 };

// Follows the strategy. A GPU that does not exist (ERR_DEVICE), and weights that do not fit
// (ERR_MEMORY), are refused with the numbers; counts beyond the model's layers are cut, as the rwkv
// package does. An automatic strategy cannot fail: what fits no GPU is on the CPU. Embedding and
// head are never streamed.
rk_status rk__place_layers(rk__placement *out, const rk__placement_request *request, rk_error *err);

#endif

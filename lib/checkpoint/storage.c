// Bytes of storages: their checksums, and deflated ones inflated one at a time.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/checkpoint_internal.h"
#include "checkpoint/inflate.h"

static rk__packed packed_of(const rk__storage *storage, const char *what) {
    return (rk__packed){.offset = storage->offset,
                        .packed_size = storage->packed_size,
                        .size = storage->size,
                        .what = what};
}

static rk_status fail_crc(const rk_checkpoint *checkpoint, size_t index, const char *tensor,
                          rk_error *err) {
    const rk__storage *storage = &checkpoint->storages[index];
    return rk__fail(err, RK_ERR_FORMAT,
                    "%s: the data of tensor '%.100s' (%" PRIu64 " bytes at byte %" PRIu64
                    ") is damaged: its CRC-32 is not %08" PRIx32 " as the file says",
                    checkpoint->files[storage->file].path, tensor, storage->packed_size,
                    storage->offset, storage->crc);
}

// Waits until nobody checks this storage; true when it is the caller who has to do it now.
static bool begin_check(rk_checkpoint *checkpoint, size_t index) {
    atomic_uchar *state = &checkpoint->crc_state[index];
    pthread_mutex_lock(&checkpoint->checking);
    while (atomic_load(state) == RK__CHECKING) {
        pthread_cond_wait(&checkpoint->checked, &checkpoint->checking);
    }
    const unsigned char known = atomic_load(state);
    const bool mine = known == RK__UNCHECKED || known == RK__DEFERRED;
    if (mine) atomic_store(state, RK__CHECKING);
    pthread_mutex_unlock(&checkpoint->checking);
    return mine;
}

static void end_check(rk_checkpoint *checkpoint, size_t index, unsigned char result) {
    pthread_mutex_lock(&checkpoint->checking);
    atomic_store(&checkpoint->crc_state[index], result);
    pthread_cond_broadcast(&checkpoint->checked);
    pthread_mutex_unlock(&checkpoint->checking);
}

// The storage's real CRC: of `bytes` where the caller has them, of the file otherwise.
static rk_status compute_crc(rk_checkpoint *checkpoint, size_t index, const char *tensor,
                             const void *bytes, uint32_t *crc, rk_error *err) {
    const rk__storage *storage = &checkpoint->storages[index];
    const rk__file *file = &checkpoint->files[storage->file];
    if (bytes) {
        *crc = rk__crc32(0, bytes, (size_t)storage->size);
        return RK_OK;
    }
    if (storage->deflated) {
        char what[128];
        snprintf(what, sizeof what, "tensor '%.100s'", tensor);
        const rk__packed packed = packed_of(storage, what);
        return rk__inflate(file, &packed, NULL, crc, err);
    }
    return rk__file_crc(file, storage->offset, storage->size, crc, err);
}

rk_status rk__storage_verify_bytes(rk_checkpoint *checkpoint, size_t index, const char *tensor,
                                   const void *bytes, rk_error *err) {
    const unsigned char known = atomic_load(&checkpoint->crc_state[index]);
    if (known == RK__GOOD) return RK_OK;
    if (begin_check(checkpoint, index)) {
        uint32_t crc;
        const rk_status status = compute_crc(checkpoint, index, tensor, bytes, &crc, err);
        // A failed read says nothing about the data: the next reader tries again.
        if (status != RK_OK) {
            end_check(checkpoint, index, RK__UNCHECKED);
            return status;
        }
        end_check(checkpoint, index, crc == checkpoint->storages[index].crc ? RK__GOOD : RK__BAD);
    }
    if (atomic_load(&checkpoint->crc_state[index]) == RK__GOOD) return RK_OK;
    return fail_crc(checkpoint, index, tensor, err);
}

rk_status rk__storage_verify(rk_checkpoint *checkpoint, size_t index, const char *tensor,
                             rk_error *err) {
    return rk__storage_verify_bytes(checkpoint, index, tensor, NULL, err);
}

void rk__storage_defer(rk_checkpoint *checkpoint, size_t index) {
    if (atomic_load(&checkpoint->crc_state[index]) != RK__UNCHECKED) return;
    atomic_store(&checkpoint->deferred.crc, 0);
    atomic_store(&checkpoint->deferred.bytes, 0);
    atomic_store(&checkpoint->crc_state[index], RK__DEFERRED);
}

rk_status rk__storage_settle(rk_checkpoint *checkpoint, size_t index, const char *tensor,
                             rk_error *err) {
    const rk__storage *storage = &checkpoint->storages[index];
    if (!rk__storage_is_deferred(checkpoint, index)) return RK_OK;
    if (atomic_load(&checkpoint->deferred.bytes) == storage->size) {
        const bool good = atomic_load(&checkpoint->deferred.crc) == storage->crc;
        atomic_store(&checkpoint->crc_state[index], good ? RK__GOOD : RK__BAD);
    }
    return rk__storage_verify(checkpoint, index, tensor, err); // reads it where that was not all
}

bool rk__storage_is_deferred(const rk_checkpoint *checkpoint, size_t index) {
    return atomic_load(&checkpoint->crc_state[index]) == RK__DEFERRED;
}

void rk__storage_add_piece(rk_checkpoint *checkpoint, size_t index, uint64_t offset,
                           const void *bytes, size_t size) {
    const uint64_t behind = checkpoint->storages[index].size - offset - size;
    const uint32_t crc = rk__crc32_moved(rk__crc32(0, bytes, size), behind);
    atomic_fetch_xor(&checkpoint->deferred.crc, crc);
    atomic_fetch_add(&checkpoint->deferred.bytes, size);
}

// Makes checkpoint->inflated the bytes of this storage. Called with `inflating` held.
static rk_status inflate_storage(rk_checkpoint *checkpoint, size_t index, rk_error *err) {
    const rk__storage *storage = &checkpoint->storages[index];
    if (checkpoint->inflated && checkpoint->inflated_storage == index) return RK_OK;
    rk__free(checkpoint->inflated);
    checkpoint->inflated = NULL;

    void *memory;
    uint32_t crc;
    const rk__packed packed = packed_of(storage, "tensor data");
    RK_TRY(rk__alloc(&memory, (size_t)storage->size, 1, err));
    const rk_status status =
        rk__inflate(&checkpoint->files[storage->file], &packed, memory, &crc, err);
    if (status != RK_OK) {
        rk__free(memory);
        return status;
    }
    checkpoint->inflated = memory;
    checkpoint->inflated_storage = index;
    return RK_OK;
}

rk_status rk__storage_read(rk_checkpoint *checkpoint, size_t index, uint64_t offset, void *out,
                           size_t size, rk_error *err) {
    const rk__storage *storage = &checkpoint->storages[index];
    if (!storage->deflated) {
        return rk__file_read(&checkpoint->files[storage->file], storage->offset + offset, out, size,
                             err);
    }
    pthread_mutex_lock(&checkpoint->inflating);
    const rk_status status = inflate_storage(checkpoint, index, err);
    if (status == RK_OK) memcpy(out, checkpoint->inflated + offset, size);
    pthread_mutex_unlock(&checkpoint->inflating);
    return status;
}

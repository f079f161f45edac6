// Read-only mappings of whole files.
#include "base/file.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

rk_status rk__map_file(rk__map *map, const rk__file *file, rk_error *err) {
    *map = (rk__map){0};
    if (file->size == 0) return RK_OK; // nothing to map
    if (file->size > SIZE_MAX) {
        return rk__fail(err, RK_ERR_MEMORY, "%s: %" PRIu64 " bytes do not fit the address space",
                        file->path, file->size);
    }
    const size_t size = (size_t)file->size;
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file->fd, 0);
    if (data == MAP_FAILED) {
        return rk__fail_errno(err, errno, "%s: cannot map %zu bytes", file->path, size);
    }
    *map = (rk__map){.data = data, .size = size};
    return RK_OK;
}

void rk__unmap_file(rk__map *map) {
    if (map->data) munmap((void *)map->data, map->size);
    *map = (rk__map){0};
}

// Gives advice about the pages from `first` to `end`, both already inside the mapping.
static void advise(const rk__map *map, size_t first, size_t end, int advice) {
    if (first < end) (void)madvise((void *)(map->data + first), end - first, advice);
}

static size_t page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t clamp_end(const rk__map *map, size_t offset, size_t size) {
    return size > map->size - offset ? map->size : offset + size;
}

void rk__map_will_need(const rk__map *map, size_t offset, size_t size) {
    if (offset >= map->size) return;
    const size_t page = page_size();
    advise(map, offset / page * page, clamp_end(map, offset, size), MADV_WILLNEED);
}

void rk__map_done_with(const rk__map *map, size_t offset, size_t size) {
    if (offset >= map->size) return;
    const size_t page = page_size();
    const size_t end = clamp_end(map, offset, size);
    // Pages that are shared with the neighbours stay: only whole ones inside the range go.
    const size_t last = end == map->size ? end : end / page * page;
    advise(map, (offset + page - 1) / page * page, last, MADV_DONTNEED);
}

// The emulated runtime: memory, streams, events, graphs. Streams are lists of things to do; what is
// done when is as adverse as events allow (emulator.h).
#include "cuda_runtime_api.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "emulated_device.h"
#include "emulated_threads.h"
#include "emulator.h"

namespace {

constexpr size_t ARENA = (size_t)2 << 30, FILLED = 1 << 20;
enum { BORDER = 256, RUNTIME_VERSION = 13000 };

// One lock for everything: kernels run one at a time.
std::recursive_mutex lock;
typedef std::lock_guard<std::recursive_mutex> guard;

int n_devices = 1, driver_version = -1;
thread_local int device;
thread_local cudaError_t last_error;
size_t memory_size = ARENA, bytes_in_use, n_kernels, n_graphs, n_live;
size_t n_calls, failing_call;
bool fails_for_good, is_lost;
emulated_schedule schedule;

cudaError_t answer(cudaError_t error) {
    if (error != cudaSuccess) last_error = error;
    return error;
}

// A call that may fail, when its turn comes.
bool fails() {
    n_calls++;
    if (is_lost) return true;
    if (failing_call == 0 || n_calls != failing_call) return false;
    is_lost = fails_for_good;
    return true;
}

[[noreturn]] void complain(const char *what) {
    fprintf(stderr, "emulated GPU: %s\n", what);
    abort();
}

// ---- memory of the devices: one stretch of addresses, closed but for kernels and copies

char *arena;
std::map<size_t, size_t> pieces; // offset and size of what is in use, borders not counted

// What allocating and freeing have to do in that memory, the next time that it is open: opening
// takes longer than anything else here.
std::vector<std::function<void()>> pending;

struct opened { // the memory is open as long as one of these lives
    static int depth;
    opened() {
        if (depth++ > 0 || arena == nullptr) return;
        mprotect(arena, ARENA, PROT_READ | PROT_WRITE);
        for (const auto &task : pending) task();
        pending.clear();
    }
    ~opened() {
        if (--depth == 0 && arena != nullptr) mprotect(arena, ARENA, PROT_NONE);
    }
};
int opened::depth;

void find_arena() {
    if (arena != nullptr) return;
    void *memory =
        mmap(nullptr, ARENA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) complain("no addresses");
    arena = (char *)memory;
}

size_t rounded(size_t size) {
    return (size + 255) / 256 * 256;
}

// The first gap that is large enough.
size_t find_gap(size_t size) {
    size_t at = 0;
    for (const auto &piece : pieces) {
        if (piece.first - BORDER >= at + size) break;
        at = piece.first + rounded(piece.second) + BORDER;
    }
    return at;
}

void check_borders(size_t at, size_t size) {
    for (size_t i = 0; i < BORDER; i++) {
        const unsigned char before = (unsigned char)arena[at - BORDER + i];
        const unsigned char behind = (unsigned char)arena[at + size + i];
        if (before != 0xa5 || behind != 0xa5) {
            complain("something was written beyond a piece of memory");
        }
    }
}

bool is_on_device(const void *p, size_t size) {
    const char *at = (const char *)p;
    if (arena == nullptr || at < arena || at >= arena + ARENA) return false;
    auto piece = pieces.upper_bound((size_t)(at - arena));
    if (piece == pieces.begin()) complain("an address before all memory");
    --piece;
    if ((size_t)(at - arena) + size > piece->first + piece->second) {
        complain("a copy beyond the end of a piece of memory");
    }
    return true;
}

// ---- streams

struct operation {
    std::function<void()> run; // or
    cudaEvent_t waits = nullptr, records = nullptr;
    unsigned generation = 0; // of the event that is waited for or recorded
};

} // namespace

struct CUevent_st {
    unsigned recorded = 0, reached = 0; // generations
    cudaStream_t stream = nullptr;      // that records it
    bool in_capture = false;
};

struct CUstream_st {
    std::deque<operation> queue;
    bool captured = false;
};

// What was captured, with the stream of each operation.
struct CUgraph_st {
    std::vector<std::pair<cudaStream_t, operation>> operations;
};
struct CUgraphExec_st {
    CUgraph_st graph;
};

namespace {

std::vector<cudaStream_t> streams;
CUgraph_st *capture; // in progress
cudaStream_t capture_origin;

void drain(cudaStream_t stream);

// Does the first operation of a stream; false when its event has not come.
bool advance(cudaStream_t stream, bool insists) {
    operation &next = stream->queue.front();
    if (next.waits != nullptr && next.waits->reached < next.generation) {
        if (!insists) return false;
        const cudaStream_t other = next.waits->stream;
        while (next.waits->reached < next.generation) {
            if (other->queue.empty()) complain("an event that nobody records");
            advance(other, true);
        }
    }
    const operation now = stream->queue.front();
    stream->queue.pop_front();
    if (now.run) now.run();
    if (now.records != nullptr) now.records->reached = now.generation;
    return true;
}

// Everything that other streams can do by themselves.
void hurry_others(cudaStream_t stream) {
    for (cudaStream_t other : streams) {
        while (other != stream && !other->queue.empty() && advance(other, false)) {}
    }
}

void drain(cudaStream_t stream) {
    const opened memory; // once for all that is done
    while (!stream->queue.empty()) {
        if (schedule == EMULATED_DESCENDING_EARLY) hurry_others(stream);
        advance(stream, true);
    }
}

void push(cudaStream_t stream, const operation &o) {
    if (capture != nullptr && stream->captured) {
        capture->operations.emplace_back(stream, o);
    } else {
        stream->queue.push_back(o);
    }
}

void copy_bytes(void *to, const void *from, size_t size, cudaMemcpyKind kind) {
    const bool to_device = is_on_device(to, size), from_device = is_on_device(from, size);
    if (to_device != (kind == cudaMemcpyHostToDevice) ||
        from_device != (kind == cudaMemcpyDeviceToHost)) {
        complain("a copy in another direction than it says");
    }
    const opened memory;
    memcpy(to, from, size);
}

} // namespace

// ---- what tests ask

void emulated_devices(int count, size_t memory) {
    n_devices = count;
    memory_size = memory;
}
void emulated_driver(int version) {
    driver_version = version;
}
void emulated_order(emulated_schedule wanted) {
    schedule = wanted;
}
void emulated_fail(size_t n, bool for_good) {
    const guard held(lock);
    n_calls = 0;
    failing_call = n;
    fails_for_good = for_good;
    is_lost = false;
    last_error = cudaSuccess;
}
size_t emulated_calls(void) {
    return n_calls;
}
size_t emulated_live(void) {
    const guard held(lock);
    const opened memory; // what is freed is checked
    return n_live;
}
size_t emulated_bytes(void) {
    return bytes_in_use;
}
size_t emulated_kernels(void) {
    return n_kernels;
}
size_t emulated_graphs(void) {
    return n_graphs;
}

// ---- kernels

unsigned emulated_launch(cudaStream_t stream, dim3 grid, unsigned n_threads,
                    std::function<void()> thread) {
    const guard held(lock);
    if (fails()) return answer(cudaErrorLaunchFailure);
    if (grid.x == 0 || grid.y == 0 || grid.y > 65535 || n_threads == 0 || n_threads > 1024) {
        return answer(cudaErrorInvalidValue);
    }
    operation o;
    o.run = [=] {
        const opened memory;
        const bool descending = schedule == EMULATED_DESCENDING_EARLY;
        n_kernels++;
        gridDim = grid;
        blockDim = dim3(n_threads);
        for (unsigned i = 0; i < grid.x * grid.y; i++) {
            const unsigned block = descending ? grid.x * grid.y - 1 - i : i;
            blockIdx = dim3(block % grid.x, block / grid.x);
            emulated_run_block(n_threads, descending, thread);
        }
    };
    push(stream, o);
    return cudaSuccess;
}

// ---- the interface

cudaError_t cudaGetDeviceCount(int *count) {
    *count = 0;
    if (driver_version >= 0) return answer(cudaErrorInsufficientDriver);
    if (n_devices == 0) return answer(cudaErrorNoDevice);
    *count = n_devices;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) {
    *version = driver_version >= 0 ? driver_version : RUNTIME_VERSION;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
    *version = RUNTIME_VERSION;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr which, int) {
    *value = which == cudaDevAttrComputeCapabilityMajor ? 9 : 0;
    return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int index) {
    if (index >= n_devices) return answer(cudaErrorInvalidDevice);
    snprintf(properties->name, sizeof properties->name, "emulated GPU");
    return cudaSuccess;
}

cudaError_t cudaSetDevice(int index) {
    if (index < 0 || index >= n_devices) return answer(cudaErrorInvalidDevice);
    device = index;
    return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *left, size_t *total) {
    *total = memory_size;
    *left = bytes_in_use < memory_size ? memory_size - bytes_in_use : 0;
    return cudaSuccess;
}

cudaError_t cudaGetLastError(void) {
    const cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}

const char *cudaGetErrorString(cudaError_t error) {
    switch (error) {
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorLaunchFailure:
        return "unspecified launch failure";
    default:
        return "an emulated error";
    }
}

cudaError_t cudaMalloc(void **memory, size_t size) {
    const guard held(lock);
    if (fails()) return answer(is_lost ? cudaErrorLaunchFailure : cudaErrorMemoryAllocation);
    if (size > memory_size || bytes_in_use > memory_size - size) {
        return answer(cudaErrorMemoryAllocation);
    }
    find_arena();
    const size_t at = find_gap(rounded(size) + 2 * BORDER) + BORDER;
    if (at + rounded(size) + BORDER > ARENA) return answer(cudaErrorMemoryAllocation);
    pieces[at] = size;
    bytes_in_use += size;
    n_live++;
    pending.push_back([=] {
        memset(arena + at - BORDER, 0xa5, BORDER);
        memset(arena + at, 0xff, size < FILLED ? size : FILLED); // floats of it are NaN
        memset(arena + at + size, 0xa5, BORDER);
    });
    *memory = arena + at;
    return cudaSuccess;
}

cudaError_t cudaFree(void *memory) {
    const guard held(lock);
    if (memory == nullptr) return cudaSuccess;
    const size_t at = (size_t)((char *)memory - arena);
    auto piece = pieces.find(at);
    if (piece == pieces.end()) complain("memory is freed that is not there");
    const size_t size = piece->second;
    pending.push_back([=] { check_borders(at, size); });
    bytes_in_use -= piece->second;
    n_live--;
    pieces.erase(piece);
    return cudaSuccess;
}

cudaError_t cudaMallocHost(void **memory, size_t size) {
    const guard held(lock);
    if (fails()) return answer(is_lost ? cudaErrorLaunchFailure : cudaErrorMemoryAllocation);
    *memory = malloc(size);
    if (*memory == nullptr) return answer(cudaErrorMemoryAllocation);
    memset(*memory, 0xff, size);
    n_live++;
    return cudaSuccess;
}

cudaError_t cudaFreeHost(void *memory) {
    const guard held(lock);
    free(memory);
    n_live--;
    return cudaSuccess;
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t size, cudaMemcpyKind kind) {
    const guard held(lock);
    if (fails()) return answer(cudaErrorLaunchFailure);
    copy_bytes(to, from, size, kind);
    return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size, cudaMemcpyKind kind,
                            cudaStream_t stream) {
    const guard held(lock);
    if (fails()) return answer(cudaErrorLaunchFailure);
    operation o;
    o.run = [=] { copy_bytes(to, from, size, kind); };
    push(stream, o);
    return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
    const guard held(lock);
    if (fails()) return answer(cudaErrorLaunchFailure);
    *stream = new CUstream_st;
    streams.push_back(*stream);
    n_live++;
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    const guard held(lock);
    for (size_t i = 0; i < streams.size(); i++) {
        if (streams[i] == stream) streams.erase(streams.begin() + (long)i--);
    }
    delete stream;
    n_live--;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    const guard held(lock);
    if (fails()) return answer(cudaErrorLaunchFailure);
    if (stream->captured) complain("a stream that is captured is waited for");
    drain(stream);
    return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    const guard held(lock);
    if (fails()) return answer(cudaErrorLaunchFailure);
    if (event->recorded == 0) return cudaSuccess; // never recorded: nothing to wait for
    if (capture != nullptr && event->in_capture) stream->captured = true;
    operation o;
    o.waits = event;
    o.generation = event->recorded;
    push(stream, o);
    return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
    const guard held(lock);
    if (fails()) return answer(cudaErrorLaunchFailure);
    *event = new CUevent_st;
    n_live++;
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
    const guard held(lock);
    delete event;
    n_live--;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    const guard held(lock);
    if (fails()) return answer(cudaErrorLaunchFailure);
    operation o;
    o.records = event;
    o.generation = ++event->recorded;
    event->stream = stream;
    event->in_capture = capture != nullptr && stream->captured;
    push(stream, o);
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    const guard held(lock);
    if (fails()) return answer(cudaErrorLaunchFailure);
    if (capture != nullptr) complain("two captures at once");
    capture = new CUgraph_st;
    capture_origin = stream;
    stream->captured = true;
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
    const guard held(lock);
    if (capture == nullptr || stream != capture_origin) return answer(cudaErrorInvalidValue);
    for (cudaStream_t each : streams) each->captured = false;
    *graph = capture;
    capture = nullptr;
    n_live++;
    return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph,
                                 unsigned long long) {
    const guard held(lock);
    if (fails()) return answer(cudaErrorLaunchFailure);
    *executable = new CUgraphExec_st{*graph};
    n_live++;
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    const guard held(lock);
    delete graph;
    n_live--;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
    const guard held(lock);
    delete executable;
    n_live--;
    return cudaSuccess;
}

// The events of a graph are its own: their generations go on from where they are now.
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t) {
    const guard held(lock);
    if (fails()) return answer(cudaErrorLaunchFailure);
    n_graphs++;
    std::map<cudaEvent_t, unsigned> now;
    for (const auto &entry : executable->graph.operations) {
        operation o = entry.second;
        if (o.records != nullptr) now[o.records] = o.generation = ++o.records->recorded;
        if (o.waits != nullptr) o.generation = now[o.waits];
        entry.first->queue.push_back(o);
    }
    return cudaSuccess;
}

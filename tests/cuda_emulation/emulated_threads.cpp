// The threads of a block as fibers. One runs until it waits for others, in a shuffle or at a
// barrier, or ends; then the next one runs that can.
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#include <vector>

#include "emulated_device.h"
#include "emulated_threads.h"

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace {

enum { STACK = 64 << 10, WARP_LANES = 32 };

// A thread's registers: on x86-64 on its own stack, elsewhere in a ucontext, which is slower.
#if defined(__x86_64__)
extern "C" void emulated_switch(void **from, void *to);
asm(".globl emulated_switch\n"
    ".type emulated_switch, @function\n"
    "emulated_switch:\n"
    "  push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
    "  mov %rsp, (%rdi)\n"
    "  mov %rsi, %rsp\n"
    "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
    "  ret\n");
#endif

// What a number of threads waits for together. Generations tell one time from the next.
struct meeting {
    unsigned arrived, generation;
};

struct fiber {
#if defined(__x86_64__)
    void *stack_pointer;
#else
    ucontext_t context;
#endif
    bool done;
    const meeting *waits_for; // until its generation is another one
    unsigned generation;
    unsigned shuffles; // so far
};

struct warp {
    meeting shuffle;
    uint32_t bits[2][WARP_LANES]; // of even and odd shuffles
};

std::vector<fiber> fibers;
std::vector<warp> warps;
meeting barrier;
char *stacks; // kept from launch to launch
size_t n_stacks;
const std::function<void()> *body;
unsigned current, n_done;
bool descends; // which thread is next
#if defined(__x86_64__)
void *scheduler;
#else
ucontext_t scheduler;
#endif

void leave() {
#if defined(__x86_64__)
    emulated_switch(&fibers[current].stack_pointer, scheduler);
#else
    swapcontext(&fibers[current].context, &scheduler);
#endif
}

void enter(unsigned thread) {
    current = thread;
    threadIdx = dim3(thread);
#if defined(__x86_64__)
    emulated_switch(&scheduler, fibers[thread].stack_pointer);
#else
    swapcontext(&scheduler, &fibers[thread].context);
#endif
}

void run_thread() {
    (*body)();
    fibers[current].done = true;
    n_done++;
    leave();
    abort(); // nobody comes back to one that is done
}

void make_fiber(unsigned thread) {
    fiber &f = fibers[thread];
    char *top = stacks + (size_t)(thread + 1) * STACK;
    f = fiber();
#if defined(__x86_64__)
    void **frame = (void **)(void *)top - 8; // six registers, where to go, and nothing to return to
    for (int i = 0; i < 8; i++) frame[i] = nullptr;
    frame[6] = (void *)run_thread;
    f.stack_pointer = frame;
#else
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = top - STACK;
    f.context.uc_stack.ss_size = STACK;
    makecontext(&f.context, run_thread, 0);
#endif
}

bool can_run(const fiber &f) {
    return !f.done && (f.waits_for == nullptr || f.waits_for->generation != f.generation);
}

// Lets another thread run: of the same warp, where one can, without asking the scheduler.
void yield() {
    const unsigned self = current, first = self / WARP_LANES * WARP_LANES;
    for (unsigned i = 1; i < WARP_LANES; i++) {
        const unsigned step = descends ? WARP_LANES - i : i;
        const unsigned next = first + (self - first + step) % WARP_LANES;
        if (next >= fibers.size() || !can_run(fibers[next])) continue;
        current = next;
        threadIdx = dim3(next);
#if defined(__x86_64__)
        emulated_switch(&fibers[self].stack_pointer, fibers[next].stack_pointer);
#else
        swapcontext(&fibers[self].context, &fibers[next].context);
#endif
        return;
    }
    leave();
}

// Waits until `expected` threads have come.
void meet(meeting *m, unsigned expected) {
    fiber &f = fibers[current];
    if (++m->arrived == expected) {
        m->arrived = 0;
        m->generation++;
        return;
    }
    f.waits_for = m;
    f.generation = m->generation;
    yield();
    f.waits_for = nullptr;
}

[[noreturn]] void complain(unsigned n_threads) {
    fprintf(stderr,
            "emulated GPU: block (%u, %u): threads wait for each other in vain: %u at the barrier, "
            "%u of %u have ended\n",
            blockIdx.x, blockIdx.y, barrier.arrived, n_done, n_threads);
    abort();
}

} // namespace

void __syncthreads() {
    meet(&barrier, blockDim.x);
}

uint32_t emulated_shuffle(uint32_t mask, uint32_t bits, unsigned from) {
    if (mask != 0xffffffffu) abort();
    warp &w = warps[current / WARP_LANES];
    // A lane may be one shuffle ahead of another that still has to read.
    const unsigned turn = fibers[current].shuffles++ % 2;
    w.bits[turn][current % WARP_LANES] = bits;
    meet(&w.shuffle, WARP_LANES);
    return w.bits[turn][from];
}

void emulated_run_block(unsigned n_threads, bool descending, const std::function<void()> &thread) {
    if (n_stacks < n_threads) {
        free(stacks);
        stacks = (char *)aligned_alloc(64, (size_t)n_threads * STACK);
        n_stacks = n_threads;
    }
    fibers.assign(n_threads, fiber());
    warps.assign((n_threads + WARP_LANES - 1) / WARP_LANES, warp());
    barrier = meeting();
    body = &thread;
    for (unsigned t = 0; t < n_threads; t++) make_fiber(t);
    n_done = 0;
    descends = descending;
    while (n_done < n_threads) {
        bool moved = false;
        for (unsigned i = 0; i < n_threads; i++) {
            const unsigned t = descending ? n_threads - 1 - i : i;
            if (!can_run(fibers[t])) continue;
            enter(t);
            moved = true;
        }
        if (!moved) complain(n_threads);
    }
}

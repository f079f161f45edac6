// What a loop does while it waits for another processor's write: lets the other thread of the core
// run.
#ifndef RK_BASE_SPIN_PAUSE_H
#define RK_BASE_SPIN_PAUSE_H

static inline void rk__spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif

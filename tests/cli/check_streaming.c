// Is text streamed in whole characters? rwkv-run writes to a socket that keeps writes apart, so
// that each is seen as it was made. The model is one of bytes that follow each other for ever.
//
// usage: check_streaming RWKV-RUN
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/scratch.h"
#include "unit/generate/chain_model.h"

enum { N_TOKENS = 200, MAX_WRITES = 4 * N_TOKENS, MAX_BYTES = 4096 };

typedef struct writes {
    unsigned char bytes[MAX_BYTES]; // [n_bytes]
    size_t n_bytes;
    size_t ends[MAX_WRITES]; // [n_writes]: bytes up to the end of each
    size_t n_writes;
    int exit_code;
} writes;

static const char *model;

// Runs the program on a prompt of one byte.
static bool run(writes *w, const char *program, const char *prompt) {
    int ends[2];
    *w = (writes){.exit_code = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) return false;
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl(program, "rwkv-run", model, "-p", prompt, "-n", "200", "--greedy", "-q",
              (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    for (ssize_t n; w->n_writes < MAX_WRITES;) {
        n = recv(ends[0], w->bytes + w->n_bytes, sizeof w->bytes - w->n_bytes, 0);
        if (n <= 0) break;
        w->n_bytes += (size_t)n;
        w->ends[w->n_writes++] = w->n_bytes;
    }
    close(ends[0]);
    int status;
    const bool waited = child > 0 && waitpid(child, &status, 0) == child;
    if (waited && WIFEXITED(status)) w->exit_code = WEXITSTATUS(status);
    return waited;
}

// Bytes of the character that begins here in text that is well-formed.
static size_t character(unsigned char lead) {
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

// All of the text, and each write ends where a character does. The cycle begins behind its last
// byte, which was the prompt.
static bool check_characters(const char *program, const char *cycle) {
    static writes w;
    const size_t n = strlen(cycle);
    const char prompt[] = {cycle[n - 1], '\0'};
    if (!chain_model_write(model, cycle, -1) || !run(&w, program, prompt)) return false;
    bool fine = w.exit_code == 0 && w.n_bytes == N_TOKENS;
    for (size_t i = 0; i < w.n_bytes; i++) fine = fine && w.bytes[i] == (unsigned char)cycle[i % n];
    size_t at = 0;
    for (size_t i = 0; fine && i < w.n_writes; i++) {
        // The last write may be what was left of a character when the tokens ended.
        while (at < w.ends[i]) at += character(w.bytes[at]);
        fine = at == w.ends[i] || i == w.n_writes - 1;
    }
    // One character a write: nothing was held back for longer than it takes.
    fine = fine && w.n_writes >= N_TOKENS / 4;
    if (!fine) {
        printf("'%s': exit code %d, %zu bytes in %zu writes\n", cycle, w.exit_code, w.n_bytes,
               w.n_writes);
    }
    return fine;
}

// Bytes that are no text come out, too, and hold nothing up: no write is longer than what may be a
// character, and the byte behind it that ended it.
static bool check_garbage(const char *program, const char *cycle) {
    static writes w;
    const size_t n = strlen(cycle);
    const char prompt[] = {cycle[n - 1], '\0'};
    if (!chain_model_write(model, cycle, -1) || !run(&w, program, prompt)) return false;
    bool fine = w.exit_code == 0 && w.n_bytes == N_TOKENS;
    for (size_t i = 0; i < w.n_bytes; i++) fine = fine && w.bytes[i] == (unsigned char)cycle[i % n];
    for (size_t i = 0; i < w.n_writes; i++) {
        fine = fine && w.ends[i] - (i > 0 ? w.ends[i - 1] : 0) <= 4;
    }
    if (!fine)
        printf("garbage: exit code %d, %zu bytes, %zu writes\n", w.exit_code, w.n_bytes,
               w.n_writes);
    return fine;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    model = test_scratch_path("chain.pth");
    bool fine = check_characters(argv[1], "\xe4\xbd\xa0\xf0\x9f\x98\x80\xed\x95\x9c\xc3\xa9");
    fine &= check_characters(argv[1], "a\xe5\xa5\xbd\xf0\x9f\x8e\x89z");
    fine &= check_characters(argv[1], "\xf0\x9f\x98\x80");
    fine &= check_garbage(argv[1], "a\xff"
                                   "b\xe2\x82"
                                   "c\xc0\x81\xf0\x9f"
                                   "d");
    fine &= check_garbage(argv[1], "\x81\x82\x83");
    fine &= check_garbage(argv[1], "\xf4\xe1\xc5");
    test_scratch_remove();
    return fine ? 0 : 1;
}

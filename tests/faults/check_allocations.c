// Every allocation of the library fails once. For each job: it succeeds; then, in a process of its
// own for every number n, its n-th allocation fails. The job has to end with RK_ERR_MEMORY and a
// message, or to do without that memory; nothing may be left allocated, no process may end
// otherwise, and the job's output may only be there after a success.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failing_memory.h"
#include "memory_jobs.h"
#include "support/scratch.h"

enum { ENDED_WELL, ENDED_BADLY, NOT_REACHED };

static bool complain(const memory_job *job, size_t which, const char *what, const char *message) {
    printf("%s, allocation %zu: %s%s%s\n", job->name, which, what, *message ? ": " : "", message);
    return false;
}

static bool output_is_there(const memory_job *job) {
    return job->output != NULL && test_file_exists(test_scratch_path(job->output));
}

static void remove_output(const memory_job *job) {
    if (job->output != NULL) (void)unlink(test_scratch_path(job->output));
}

// Whether the job ended as it should.
static bool judge(const memory_job *job, size_t which, rk_status status, const rk_error *err,
                  long left) {
    if (status != RK_OK && status != RK_ERR_MEMORY) {
        return complain(job, which, rk_status_name(status), err->message);
    }
    if (status != RK_OK && (err->code != status || err->message[0] == '\0')) {
        return complain(job, which, "no message", "");
    }
    if (left != 0) {
        printf("%s, allocation %zu: %ld blocks are left\n", job->name, which, left);
        return false;
    }
    if (job->output != NULL && output_is_there(job) != (status == RK_OK)) {
        return complain(job, which, "the output is there after a failure, or is not", "");
    }
    return true;
}

static int run_failing(const memory_job *job, size_t which) {
    rk_error err = {0};
    (void)test_scratch_path("."); // allocates when it is called for the first time
    const long before = failing_memory_live();
    failing_memory_arm(which);
    const rk_status status = job->run(&err);
    const size_t allocations = failing_memory_disarm();
    const long left = failing_memory_live() - before;
    if (allocations < which) return NOT_REACHED;
    return judge(job, which, status, &err, left) ? ENDED_WELL : ENDED_BADLY;
}

// In a process of its own, so that a crash is one allocation's.
static int run_apart(const memory_job *job, size_t which) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        const int how = run_failing(job, which);
        fflush(stdout);
        _exit(how);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return ENDED_BADLY;
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    printf("%s, allocation %zu: signal %d\n", job->name, which, WTERMSIG(status));
    return ENDED_BADLY;
}

static bool check_job(const memory_job *job) {
    rk_error err = {0};
    if (job->run(&err) != RK_OK) return complain(job, 0, "it fails by itself", err.message);
    size_t which = 1, bad = 0;
    for (;; which++) {
        remove_output(job);
        const int how = run_apart(job, which);
        if (how == NOT_REACHED) break;
        bad += how != ENDED_WELL;
    }
    printf("%s: %zu allocations failed, one at a time; %zu times not as it should\n", job->name,
           which - 1, bad);
    return bad == 0;
}

int main(int argc, char **argv) {
    bool good = true;
    size_t n = 0;
    memory_jobs_prepare();
    for (const memory_job *job = memory_jobs; job->name != NULL; job++) {
        if (argc > 1 && strstr(job->name, argv[1]) == NULL) continue;
        good &= check_job(job);
        n++;
    }
    test_scratch_remove();
    return good && n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

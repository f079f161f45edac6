// Text files written beside their target and renamed.
#include "cli/text_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/allocate.h"
#include "cli/messages.h"

// Gives a temporary file, which only its owner may read, the permissions that the file it replaces
// has or any new file would have.
static void set_permissions(int fd, const struct stat *old) {
    const mode_t mask = umask(0);
    umask(mask);
    const int changed = fchmod(fd, old != NULL ? old->st_mode & 0777 : 0666 & ~mask);
    (void)changed; // the file is then merely private
}

// Opens the temporary file beside the target; symbolic links to the target stay links. False with
// errno set.
static bool open_beside(cli_text_output *output, const char *path, const struct stat *old) {
    char *real = old != NULL ? realpath(path, NULL) : cli_copy(path);
    if (real == NULL) return false;
    output->path = real;
    output->temporary = cli_format("%s.XXXXXX", real);
    const int fd = mkstemp(output->temporary);
    if (fd < 0) {
        free(output->temporary);
        output->temporary = NULL;
        return false;
    }
    set_permissions(fd, old);
    output->file = fdopen(fd, "w");
    if (output->file == NULL) close(fd);
    return output->file != NULL;
}

bool cli_text_output_open(cli_text_output *output, const char *path) {
    *output = (cli_text_output){.name = path};
    struct stat old;
    const bool exists = stat(path, &old) == 0;
    if (exists && !S_ISREG(old.st_mode)) {
        output->file =
            fopen(path, "we"); // a pipe or a device cannot be replaced; a directory fails here
    } else {
        open_beside(output, path, exists ? &old : NULL);
    }
    if (output->file == NULL) {
        cli_complain("%s: cannot be written: %s", path, strerror(errno));
        cli_text_output_abort(output);
        return false;
    }
    return true;
}

// Flushes, closes and renames. False with errno set.
static bool finish(cli_text_output *output) {
    FILE *file = output->file;
    output->file = NULL;
    errno = 0;
    const bool written = fflush(file) == 0 && ferror(file) == 0;
    // A pipe has no disk to be flushed to.
    const bool synced = written && (output->temporary == NULL || fsync(fileno(file)) == 0);
    const int cause = errno;
    if (fclose(file) != 0) return false;
    errno = cause;
    return synced && (output->temporary == NULL || rename(output->temporary, output->path) == 0);
}

bool cli_text_output_commit(cli_text_output *output) {
    const bool done = finish(output);
    if (done) {
        free(output->temporary);
        output->temporary = NULL;
    } else {
        cli_complain("%s: %s", output->name, errno != 0 ? strerror(errno) : "cannot be written");
    }
    cli_text_output_abort(output);
    return done;
}

void cli_text_output_abort(cli_text_output *output) {
    if (output->file != NULL) fclose(output->file);
    if (output->temporary != NULL) unlink(output->temporary);
    free(output->temporary);
    free(output->path);
    *output = (cli_text_output){0};
}

// The layouts of importance matrix files.
#ifndef RK_EVAL_IMATRIX_FILES_H
#define RK_EVAL_IMATRIX_FILES_H

#include "base/file.h"
#include "convert/imatrix_record.h"

// Channels and group that a file may speak of, so that products of sizes stay small.
enum { RK__IMATRIX_MAX_CHANNELS = 1 << 24, RK__IMATRIX_MAX_NAME = 512 };

rk_status rk__imatrix_write_npz(const rk_imatrix *imatrix, rk__output *output, rk_error *err);
rk_status rk__imatrix_write_dat(const rk_imatrix *imatrix, rk__output *output, rk_error *err);

// Reads into an empty imatrix.
rk_status rk__imatrix_read_npz(rk_imatrix *imatrix, const rk__file *file, rk_error *err);
rk_status rk__imatrix_read_dat(rk_imatrix *imatrix, const rk__file *file, rk_error *err);

// Refuses values that no means of squares can be, naming file and matrix.
rk_status rk__imatrix_check_squares(const rk__file *file, const rk__imatrix_record *record,
                                    rk_error *err);

// Refuses a second matrix of one name, and names that are empty or too long.
rk_status rk__imatrix_check_name(const rk_imatrix *imatrix, const rk__file *file, const char *name,
                                 size_t length, rk_error *err);

#endif

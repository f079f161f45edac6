// Importance matrices in files, of whichever layout.
#include "eval/imatrix_files.h"

#include <math.h>
#include <string.h>

rk_status rk__imatrix_check_squares(const rk__file *file, const rk__imatrix_record *record,
                                    rk_error *err) {
    for (size_t i = 0; i < record->n_channels; i++) {
        const float value = record->mean_squares[i];
        if (value >= 0.0F && value < INFINITY) continue;
        return rk__fail(err, RK_ERR_RANGE, "%s: the mean square of channel %zu of %s is %g",
                        file->path, i, record->name, (double)value);
    }
    return RK_OK;
}

rk_status rk__imatrix_check_name(const rk_imatrix *imatrix, const rk__file *file, const char *name,
                                 size_t length, rk_error *err) {
    if (length == 0 || length > RK__IMATRIX_MAX_NAME || memchr(name, '\0', length) != NULL) {
        return rk__fail(err, RK_ERR_FORMAT, "%s: a matrix with a name of %zu bytes", file->path,
                        length);
    }
    if (rk__imatrix_record_of(imatrix, name, length) == NULL) return RK_OK;
    return rk__fail(err, RK_ERR_FORMAT, "%s: holds %.*s twice", file->path, (int)length, name);
}

rk_status rk_imatrix_save(const rk_imatrix *imatrix, const char *path, rk_imatrix_layout layout,
                          rk_error *err) {
    rk__output *output = NULL;
    rk_status status = rk__output_open(&output, path, err);
    if (status != RK_OK) goto out;
    status = layout == RK_IMATRIX_DAT ? rk__imatrix_write_dat(imatrix, output, err)
                                      : rk__imatrix_write_npz(imatrix, output, err);
    if (status == RK_OK) status = rk__output_commit(&output, true, err);
out:
    rk__output_abort(&output);
    return status;
}

static rk_status read_file(rk_imatrix *imatrix, const rk__file *file, rk_error *err) {
    char magic[4] = {0};
    const size_t there = file->size < sizeof magic ? (size_t)file->size : sizeof magic;
    RK_TRY(rk__file_read(file, 0, magic, there, err));
    const bool is_zip = memcmp(magic, "PK\3\4", 4) == 0 || memcmp(magic, "PK\5\6", 4) == 0;
    return is_zip ? rk__imatrix_read_npz(imatrix, file, err)
                  : rk__imatrix_read_dat(imatrix, file, err);
}

rk_status rk_imatrix_load(rk_imatrix **out, const char *path, rk_error *err) {
    rk_imatrix *imatrix = NULL;
    rk__file file;
    *out = NULL;
    RK_TRY(rk__file_open(&file, path, err));
    rk_status status = rk_imatrix_new(&imatrix, err);
    if (status == RK_OK) status = read_file(imatrix, &file, err);
    rk__file_close(&file);
    if (status != RK_OK) rk_imatrix_free(&imatrix);
    *out = imatrix;
    return status;
}

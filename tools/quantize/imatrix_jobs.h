// Making importance matrices, and showing them.
#ifndef QUANTIZE_IMATRIX_JOBS_H
#define QUANTIZE_IMATRIX_JOBS_H

#include "quantize/imatrix_options.h"

// All return exit codes; failures have been reported.

int collect_imatrix(const imatrix_settings *settings, const char *model, const cli_common *common);
int merge_imatrices(const char *output, const cli_text_list *files);
int show_imatrices(const cli_text_list *files, const cli_common *common);

#endif

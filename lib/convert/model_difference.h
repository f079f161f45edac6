// Two files of one model, tensor by tensor, as a checkpoint has them.
#ifndef RK_CONVERT_MODEL_DIFFERENCE_H
#define RK_CONVERT_MODEL_DIFFERENCE_H

#include "weights/weights.h"

typedef struct rk__two_models {
    rk__weights model, base; // owned
    // [n_tensors of the model's plan], owned: the base's tensor for each of the model's.
    const rk__tensor_plan **partners;
} rk__two_models;

// Opens both and finds the partners; ERR_MISMATCH where one lacks a tensor that the other has, or
// has it in another size.
rk_status rk__two_models_open(rk__two_models *two, const char *model, const char *base,
                              rk_error *err);
void rk__two_models_close(rk__two_models *two);

// Sums over the values of one tensor.
typedef struct rk__tensor_difference {
    bool differs; // in any value, by more than rounding it to the other file's type would do
    double base_squares, change_squares;
} rk__tensor_difference;

// Compares a tensor of the model's plan with its partner. `difference`, rows x columns floats, gets
// what is to be added to the base; NULL: nobody wants it. ERR_RANGE for what is not finite.
rk_status rk__two_models_compare(const rk__two_models *two, size_t tensor, float *difference,
                                 rk__tensor_difference *out, rk_error *err);

#endif

package ckpt

import (
	"fmt"
	"slices"
)

// find returns the tensor called name, of the given shape.
func (f File) find(name string, shape []int) (Tensor, error) {
	for _, t := range f.Tensors {
		if t.Name != name {
			continue
		}
		if !slices.Equal(t.Shape, shape) {
			return t, fmt.Errorf("tensor %s: shape %v; want %v", name, t.Shape, shape)
		}
		return t, nil
	}
	return Tensor{}, fmt.Errorf("no tensor %s; want one of shape %v", name, shape)
}

// Float64s returns the numbers of the tensor called name, which must have the
// given shape, none for a single number, as float64: exactly, save integers
// beyond 2⁵³. It is the tensor's own memory if they are float64 already. The
// error names the tensor that is missing or of another shape, and the shape
// wanted.
func (f File) Float64s(name string, shape ...int) ([]float64, error) {
	t, err := f.find(name, shape)
	if err != nil {
		return nil, err
	}
	return convert[float64](t.Data), nil
}

// Float32s is Float64s for float32; float64 is rounded to nearest, integers are
// exact up to 2²⁴.
func (f File) Float32s(name string, shape ...int) ([]float32, error) {
	t, err := f.find(name, shape)
	if err != nil {
		return nil, err
	}
	return convert[float32](t.Data), nil
}

// Int64s returns the numbers of a tensor of integers, exactly. Beside the errors
// of Float64s, a tensor of floats is one.
func (f File) Int64s(name string, shape ...int) ([]int64, error) {
	t, err := f.find(name, shape)
	if err != nil {
		return nil, err
	}
	switch t.Data.(type) {
	case []int64, []uint8:
		return convert[int64](t.Data), nil
	}
	return nil, fmt.Errorf("tensor %s: floating-point numbers; want integers", name)
}

// convert returns the numbers of a Tensor.Data as another type.
func convert[T float64 | float32 | int64](data any) []T {
	switch x := data.(type) {
	case []T:
		return x
	case []float64:
		return converted[T](x)
	case []float32:
		return converted[T](x)
	case []int64:
		return converted[T](x)
	case []uint8:
		return converted[T](x)
	}
	panic(fmt.Sprintf("ckpt: numbers of type %T", data))
}

func converted[T, S float64 | float32 | int64 | uint8](x []S) []T {
	y := make([]T, len(x))
	for i, v := range x {
		y[i] = T(v)
	}
	return y
}

package ckpt

func (f File) Tensor(name string, shape ...int) ([]float64, error) {
	return f.Float64s(name, shape...)
}

package optim

// InverseTime is the learning rate η₀/(1+αt) at time t = 0, 1, 2 …, counted in
// epochs or steps as the caller likes. Alpha 0 is a constant rate.
//
// Robbins and Monro, A stochastic approximation method, Ann. Math. Statist.
// 22(3), 1951, ask for Ση = ∞ and Ση² < ∞, which α > 0 gives.
type InverseTime struct {
	Eta0  float64 // η₀ > 0
	Alpha float64 // α >= 0
}

// At returns the learning rate at time t >= 0.
func (s InverseTime) At(t int64) float64 {
	return s.Eta0 / (1 + float64(s.Alpha*float64(t)))
}

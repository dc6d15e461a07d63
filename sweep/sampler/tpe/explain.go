package tpe

import "fmt"

// Explain says how proposals come about; their notes are empty.
func (s *Sampler) Explain(string) string {
	return fmt.Sprintf("where points like the best lie dense and points like the others do not (TPE); the first %d are spread evenly", startup)
}

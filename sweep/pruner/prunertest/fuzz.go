package prunertest

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/trawl-sweep/trawl/sweep"
)

// Fuzz feeds pruners of build with arbitrary sequences of events. Whatever
// comes, none panics, every verdict keeps its form, and a second pruner that is
// told the same events says the same.
func Fuzz(f *testing.F, build func() sweep.Pruner) {
	for seed := range uint64(3) {
		f.Add(encode(study(seed)))
	}
	f.Add([]byte{0xff, 1, 2, 3, 4, 5, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		first, second := build(), build()
		for i, e := range decode(data) {
			if e.end != "" {
				first.Settle(e.Trial, e.end)
				second.Settle(e.Trial, e.end)
				continue
			}
			got, again := first.Observe(e.Observation), second.Observe(e.Observation)
			if err := complaint(got); err != "" {
				t.Fatalf("event %d, %+v: %+v: %s", i, e.Observation, got, err)
			}
			if got != again {
				t.Fatalf("event %d, %+v: got %+v, then %+v", i, e.Observation, got, again)
			}
		}
	})
}

var ends = []sweep.State{sweep.Finished, sweep.Pruned, sweep.Failed, sweep.Diverged, sweep.Killed, sweep.Finished, sweep.Finished, sweep.Queued}

// An event takes three bytes: the trial and what kind of event it is, the step,
// and the value; of odd values the last byte says which.
const (
	isEnd = 0x10 // the end of a trial: the third byte says how
	isOdd = 0x20 // a value of odd, or of 8 bytes that follow
	isNew = 0x40 // of a new attempt
	isFar = 0x80 // a step near the end of int64, or of the other repeat
)

func decode(data []byte) (events []event) {
	attempt := map[int]int{}
	for len(data) >= 3 {
		head, step, value := data[0], int64(data[1]), data[2]
		data = data[3:]
		trial := int(head&0xf) + 1
		if head&isNew != 0 {
			attempt[trial]++
		}
		e := report(trial, 1+attempt[trial], step, float64(value)/16-4)
		if head&isOdd != 0 {
			e.Value = odd[int(value)%len(odd)]
			if value >= 0x80 && len(data) >= 8 {
				e.Value = math.Float64frombits(binary.LittleEndian.Uint64(data))
				data = data[8:]
			}
		}
		if head&isFar != 0 {
			e.Repeat = 2
			if value%2 == 1 {
				e.Step = math.MaxInt64 - step
			}
		}
		if head&isEnd != 0 {
			e.end = ends[int(value)%len(ends)]
		}
		events = append(events, e)
	}
	return events
}

// encode writes events so that decode reads them, with their values rounded.
func encode(events []event) (data []byte) {
	for _, e := range events {
		head := byte(e.Trial-1) & 0xf
		if e.end != "" {
			data = append(data, head|isEnd, 0, 0)
			continue
		}
		data = append(data, head, byte(e.Step), byte(min(max(16*(e.Value+4), 0), 255)))
	}
	return data
}

package loop

import (
	"github.com/trawl-sweep/trawl/sweep"
)

// A Grouping says which trials may share a slot, as a group that the backend runs
// as one. Each of them stays a trial: journalled, judged, stopped and ended by
// itself. The slot is free again when the last has ended. An attempt after the
// first runs by itself, and so does what the user adds.
type Grouping struct {
	// Key returns the key of a trial; consecutive trials with equal keys go
	// together. Without ok it runs by itself.
	Key func(e *sweep.Proposed) (key string, ok bool)
	// Least and Most are the numbers of trials that are worth a group.
	Least, Most int
}

// A window is the proposals that come next. They are no trials yet: a later run
// of the sweep proposes them again.
type window struct {
	next []candidate
	dry  bool // the planner has no more
	most int  // members of a group, once it is dry
}

type candidate struct {
	*sweep.Proposed
	key string // "": by itself
}

// take returns the trials for one slot, the first of the window, when there are
// slots of them in all; none if nothing is left. What is left at the end of a
// sweep is spread over the slots, so that they end together.
func (w *window) take(p *Planner, g *Grouping, slots int) ([]candidate, error) {
	if n := slots*g.Most - len(w.next); n > 0 && !w.dry {
		got, err := p.Next(n)
		if err != nil {
			return nil, err
		}
		for _, e := range got {
			key, ok := g.Key(e)
			if !ok {
				key = ""
			}
			w.next = append(w.next, candidate{e, key})
		}
		if len(got) < n {
			w.dry, w.most = true, min(g.Most, (len(w.next)+slots-1)/slots)
		}
	}
	if len(w.next) == 0 {
		return nil, nil
	}
	most, n := g.Most, 1
	if w.dry {
		most = w.most
	}
	for n < min(most, len(w.next)) && w.next[0].key != "" && w.next[n].key == w.next[0].key {
		n++
	}
	if n < g.Least {
		n = 1
	}
	set := w.next[:n:n]
	w.next = w.next[n:]
	return set, nil
}

// Preview returns how many trials the slots get at the beginning of a sweep, each
// its own or a group.
func Preview(p *Planner, g *Grouping, slots int) (sizes []int, err error) {
	var w window
	for range slots {
		set, err := w.take(p, g, slots)
		if err != nil || len(set) == 0 {
			return sizes, err
		}
		sizes = append(sizes, len(set))
	}
	return sizes, nil
}

// fillGroups proposes the trials for the free slots and adds them to what starts.
func (l *loop) fillGroups(free int, events []sweep.Event, start []*live) ([]sweep.Event, []*live, error) {
	for ; free > 0 && !l.noMore; free-- {
		set, err := l.ahead.take(l.Planner, l.Group, l.Slots)
		if err != nil {
			return events, start, err
		}
		group := ""
		if len(set) > 1 {
			group = JobName(set[0].Trial, 1)
		}
		for _, c := range set {
			v := l.propose(c.Proposed)
			v.group, v.mates = group, len(set)
			events, start = append(events, c.Proposed), append(start, v)
		}
		l.noMore = l.ahead.dry && len(l.ahead.next) == 0
	}
	return events, start, nil
}

// keepAhead makes trials of all that is in the window, so that what the user adds
// comes after it; they run by themselves.
func (l *loop) keepAhead() (events []sweep.Event) {
	for _, c := range l.ahead.next {
		events = append(events, c.Proposed)
		l.queue = append(l.queue, l.propose(c.Proposed).trial.ID)
	}
	l.ahead.next = nil
	return events
}

// join and leave count a running attempt as a member of its group.
func (l *loop) join(v *live) {
	if v.group == "" {
		return
	}
	if l.groups[v.group]++; l.groups[v.group] > 1 {
		l.shared++
	}
}

func (l *loop) leave(v *live) {
	if v.group == "" {
		return
	}
	if l.groups[v.group]--; l.groups[v.group] > 0 {
		l.shared--
	} else {
		delete(l.groups, v.group)
	}
	v.group, v.mates = "", 0
}

// hours is what an attempt takes of `budget: {trial_hours}`: its time, or in a
// group, where the time of all is the same, its share of it.
func (v *live) hours(x sweep.Exit) float64 {
	if v.group != "" {
		return x.CPUSeconds / 3600
	}
	return float64(x.EndedAt-x.StartedAt) / 3.6e9
}

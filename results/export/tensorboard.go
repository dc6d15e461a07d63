package export

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/trawl-sweep/trawl/results"
	"github.com/trawl-sweep/trawl/sweep"
)

// The tags and numbers of TensorBoard's HParams plugin.
const (
	hparamsPlugin  = "hparams"
	tagExperiment  = "_hparams_/experiment"
	tagSession     = "_hparams_/session_start_info"
	tagSessionEnd  = "_hparams_/session_end_info"
	dataString     = 1
	dataBool       = 2
	dataFloat64    = 3
	statusSuccess  = 1
	statusFailure  = 2
	statusRunning  = 3
	eventFileStart = "brain.Event:2"
)

// TensorBoard writes trials of a sweep as event files below dir, which must not
// exist or be empty: the experiment of the HParams page in dir itself, and a
// folder per trial with its parameters, its state and all its metrics as
// scalars. Repeats of a point are sessions of one group. It returns the number
// of trials. Scalars are single precision, as TensorBoard's are.
//
// Sources: tensorboard/plugins/hparams/plugin_data.proto and api.proto,
// google/protobuf/struct.proto, tensorflow/core/util/event.proto and
// framework/summary.proto for the numbers of fields; the records are those of
// tensorflow/core/lib/io/record_writer.h.
func TensorBoard(ctx context.Context, r *results.Reader, spec *sweep.Spec, which, dir string, f results.Filter) (n int, err error) {
	row, err := r.Sweep(ctx, which)
	if err != nil {
		return 0, err
	}
	trials, err := r.Trials(ctx, row.Name, f)
	if err != nil {
		return 0, err
	}
	if old, err := os.ReadDir(dir); err == nil && len(old) > 0 {
		return 0, fmt.Errorf("%s: %w and is not empty; TensorBoard would mix what it finds", dir, os.ErrExist)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	tmp, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".*")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(tmp)
	b := &board{spec: spec, row: row, dir: tmp, trials: trials, place: map[sweep.TrialID]int{}, written: make([]bool, len(trials)), current: -1}
	if err := b.write(ctx, r); err != nil {
		return 0, errors.Join(err, b.end())
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return 0, err
	}
	_ = os.Remove(dir) // an empty one; anything else makes the rename fail
	return len(trials), os.Rename(tmp, dir)
}

// A board writes the folders of one sweep.
type board struct {
	spec    *sweep.Spec
	row     results.SweepRow
	dir     string
	trials  []results.TrialRow
	params  []map[string]sweep.Value
	place   map[sweep.TrialID]int
	written []bool
	metrics []string // in the order in which they were seen
	texts   map[string]bool

	current int // whose file is open; -1: none
	file    *os.File
	out     *eventWriter
}

func (b *board) write(ctx context.Context, r *results.Reader) error {
	for i, t := range b.trials {
		b.place[t.ID] = i
		params, err := paramsOf(b.spec, t)
		if err != nil {
			return err
		}
		delete(params, b.spec.Repeats.Parameter) // sessions of a group have the same parameters
		b.params = append(b.params, params)
	}
	infos := b.infos()
	for _, o := range b.spec.Objectives {
		b.metrics = append(b.metrics, o.Name)
	}
	err := r.EachSeries(ctx, b.row.Name, func(id sweep.TrialID, name string, reports []results.AttemptReport) error {
		i, ok := b.place[id]
		if !ok {
			return nil
		}
		if err := b.open(i); err != nil {
			return err
		}
		if !slices.Contains(b.metrics, name) {
			b.metrics = append(b.metrics, name)
		}
		for _, p := range reports {
			b.out.scalar(name, p.Step, float64(p.At)/1e6, p.Value)
		}
		return nil
	})
	for i := range b.trials {
		if err == nil && !b.written[i] { // it reported nothing
			err = b.open(i)
		}
	}
	if err = errors.Join(err, b.end()); err != nil {
		return err
	}
	return b.experiment(infos)
}

// open goes on to the file of a trial.
func (b *board) open(i int) error {
	if b.current == i {
		return nil
	}
	if err := b.end(); err != nil {
		return err
	}
	t := b.trials[i]
	dir := filepath.Join(b.dir, fmt.Sprintf("trial-%0*d", len(fmt.Sprint(b.row.Trials)), t.ID))
	at := b.began(t)
	if err := b.create(dir, at); err != nil {
		return err
	}
	b.current, b.written[i] = i, true
	b.out.plugin(tagSession, at, b.session(i, at))
	if t.State.Settled() {
		ended := at
		if t.EndedAt != nil {
			ended = seconds(t.EndedAt.UnixMicro())
		}
		status := int64(statusFailure)
		if t.State == sweep.Finished || t.State == sweep.Pruned {
			status = statusSuccess
		}
		b.out.plugin(tagSessionEnd, ended, sessionEnd(status, ended))
	}
	b.objective(t)
	return nil
}

// objective writes the objective where it is not the last report of its metric.
func (b *board) objective(t results.TrialRow) {
	if name := b.reduced(); name != "" && t.Objective.Valid && t.Step != nil {
		at := b.began(t)
		if t.EndedAt != nil {
			at = seconds(t.EndedAt.UnixMicro())
		}
		b.out.scalar(name, *t.Step, at, t.Objective.V)
	}
}

// reduced is the tag of the reduced objective; "" if that is the last report,
// which the page shows by itself.
func (b *board) reduced() string {
	if len(b.spec.Objectives) == 0 {
		return ""
	}
	o := b.spec.Objectives[0]
	if o.Reduce == "" || o.Reduce == sweep.Last {
		return ""
	}
	return fmt.Sprintf("%s (%s)", o.Name, o.Reduce)
}

func seconds(us int64) float64 { return float64(us) / 1e6 }

func (b *board) began(t results.TrialRow) float64 {
	switch {
	case t.StartedAt != nil:
		return seconds(t.StartedAt.UnixMicro())
	case t.EndedAt != nil:
		return seconds(t.EndedAt.UnixMicro())
	}
	return seconds(b.row.CreatedAt.UnixMicro())
}

// create begins an event file in a new directory.
func (b *board) create(dir string, at float64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, fmt.Sprintf("events.out.tfevents.%010d.trawl", int64(at))))
	if err != nil {
		return err
	}
	b.file, b.out = f, newEventWriter(f)
	var e message
	e.double(1, at)
	e.text(3, eventFileStart)
	b.out.record(e)
	return nil
}

// end closes the file that is open.
func (b *board) end() error {
	if b.file == nil {
		return nil
	}
	err := errors.Join(b.out.flush(), b.file.Close())
	b.file, b.current = nil, -1
	return err
}

// experiment writes what the HParams page knows of the sweep as a whole.
func (b *board) experiment(infos []message) error {
	at := seconds(b.row.CreatedAt.UnixMicro())
	if err := b.create(b.dir, at); err != nil {
		return err
	}
	var x message
	x.text(1, b.row.Description)
	x.double(3, at)
	for _, info := range infos {
		x.bytes(4, info)
	}
	metrics := b.metrics
	if name := b.reduced(); name != "" {
		metrics = append([]string{name}, metrics...)
	}
	for _, m := range metrics {
		var name, info message
		name.text(2, m)
		info.bytes(1, name)
		x.bytes(5, info)
	}
	x.text(6, b.row.Name)
	b.out.plugin(tagExperiment, at, pluginData(2, x))
	return b.end()
}

// infos describes the parameters, those without a value in any trial left out,
// and finds which of them are shown as texts.
func (b *board) infos() (out []message) {
	b.texts = map[string]bool{}
	for i := range b.spec.Space.Params {
		p := &b.spec.Space.Params[i]
		var seen []sweep.Value
		had := map[string]bool{}
		for _, params := range b.params {
			if v, ok := params[p.Name]; ok && !had[string(v.AppendKey(nil))] {
				had[string(v.AppendKey(nil))] = true
				seen = append(seen, v)
			}
		}
		if len(seen) > 0 {
			out = append(out, b.info(p, seen))
		}
	}
	return out
}

// info describes a parameter: numbers by their interval, all others by a list.
func (b *board) info(p *sweep.Param, seen []sweep.Value) message {
	d := newDistribution(p, seen)
	all := d.choices
	kind := int64(dataFloat64)
	for i, v := range append(slices.Clone(all), seen...) {
		k := int64(dataString)
		switch {
		case v.Kind() == sweep.Bool:
			k = dataBool
		case real(v):
			k = dataFloat64
		}
		if i > 0 && k != kind {
			k = dataString
		}
		if kind = k; k == dataString {
			break
		}
	}
	b.texts[p.Name] = kind == dataString
	var m message
	m.text(1, p.Name)
	m.varint(4, kind)
	if p.Derived != nil && kind == dataFloat64 {
		all = nil
		d.low, _ = seen[0].Number()
		d.high = d.low
		for _, v := range seen {
			x, _ := v.Number()
			d.low, d.high = min(d.low, x), max(d.high, x)
		}
	}
	if all == nil {
		var interval message
		interval.double(1, d.low)
		interval.double(2, d.high)
		m.bytes(6, interval)
		return m
	}
	var list message
	for _, v := range all {
		list.bytes(1, b.value(p.Name, v))
	}
	m.bytes(5, list)
	return m
}

// value is google.protobuf.Value: number = 2, text = 3, boolean = 4.
func (b *board) value(name string, v sweep.Value) (m message) {
	x, _ := v.Number()
	switch {
	case b.texts[name]:
		m.bytes(3, []byte(v.Python()))
	case v.Kind() == sweep.Bool:
		m.alwaysBool(4, x != 0)
	default:
		m.alwaysDouble(2, x)
	}
	return m
}

// session is SessionStartInfo in HParamsPluginData: the parameters = 1, a map;
// the group = 4; the start = 5.
func (b *board) session(i int, at float64) message {
	var s message
	for k := range b.spec.Space.Params {
		name := b.spec.Space.Params[k].Name
		v, ok := b.params[i][name]
		if !ok {
			continue
		}
		var entry message
		entry.text(1, name)
		entry.bytes(2, b.value(name, v))
		s.bytes(1, entry)
	}
	if b.spec.Repeats.N() > 1 {
		s.text(4, fmt.Sprintf("point %d", b.trials[i].Point))
	}
	s.double(5, at)
	return pluginData(3, s)
}

// sessionEnd is SessionEndInfo in HParamsPluginData: the status = 1, the end = 2.
func sessionEnd(status int64, at float64) message {
	var s message
	s.varint(1, status)
	s.double(2, at)
	return pluginData(4, s)
}

// pluginData is HParamsPluginData: its version = 1, which is 0, and one of the
// fields 2 to 4.
func pluginData(field uint64, data message) (m message) {
	m.bytes(field, data)
	return m
}

// An eventWriter writes the records of an event file. The first error stays.
type eventWriter struct {
	w   *bufio.Writer
	err error
}

func newEventWriter(w io.Writer) *eventWriter { return &eventWriter{w: bufio.NewWriter(w)} }

func (w *eventWriter) flush() error { return errors.Join(w.err, w.w.Flush()) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of b as records hold it.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

func (w *eventWriter) record(data []byte) {
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	head = binary.LittleEndian.AppendUint32(head, masked(head))
	for _, b := range [][]byte{head, data, binary.LittleEndian.AppendUint32(nil, masked(data))} {
		if w.err == nil {
			_, w.err = w.w.Write(b)
		}
	}
}

// event is tensorflow.Event with one value: wall time = 1, step = 2, summary = 5.
func (w *eventWriter) event(at float64, step int64, value message) {
	var e, summary message
	summary.bytes(1, value)
	e.double(1, at)
	e.varint(2, step)
	e.bytes(5, summary)
	w.record(e)
}

// scalar is Summary.Value: tag = 1, simple_value = 2.
func (w *eventWriter) scalar(tag string, step int64, at, v float64) {
	var m message
	m.text(1, tag)
	m.alwaysFloat(2, float32(v))
	w.event(at, step, m)
}

// plugin is Summary.Value: tag = 1, metadata = 9 with plugin_data = 1 (the
// plugin's name = 1 and what it keeps = 2) and the class of the data = 4. The
// value itself is a tensor = 8 without elements: newer TensorBoards write one,
// older ones, and PyTorch, write none.
func (w *eventWriter) plugin(tag string, at float64, content message) {
	const classTensor, float = 2, 1
	var m, metadata, data, tensor, shape message
	data.text(1, hparamsPlugin)
	data.bytes(2, content)
	metadata.bytes(1, data)
	metadata.varint(4, classTensor)
	shape.bytes(2, nil) // one dimension, of size 0
	tensor.varint(1, float)
	tensor.bytes(2, shape)
	m.text(1, tag)
	m.bytes(8, tensor)
	m.bytes(9, metadata)
	w.event(at, 0, m)
}

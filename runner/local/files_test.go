package local

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/trawl-sweep/trawl/runner"
	"github.com/trawl-sweep/trawl/runner/metric/files"
	"github.com/trawl-sweep/trawl/sweep"
)

// scalarRecord is a record of an event file with one scalar, as PyTorch writes it.
func scalarRecord(tag string, step int64, v float32) []byte {
	nested := func(num protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
	}
	value := nested(1, []byte(tag))
	value = protowire.AppendFixed32(protowire.AppendTag(value, 2, protowire.Fixed32Type), math.Float32bits(v))
	data := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), uint64(step))
	data = append(data, nested(5, nested(1, value))...)
	masked := func(b []byte) uint32 {
		c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
		return (c>>15 | c<<17) + 0xa282ead8
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	b = binary.LittleEndian.AppendUint32(b, masked(b))
	b = append(b, data...)
	return binary.LittleEndian.AppendUint32(b, masked(data))
}

func appendTo(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if cerr := f.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
}

// Files that grow, event files by odd pieces, are read while trawl is killed at
// each point and goes on from the mark of its last update: every number once.
func TestFilesAreReportedOnceAcrossKills(t *testing.T) {
	for killEvery := 1; killEvery <= 4; killEvery++ {
		dir := t.TempDir()
		tb := filepath.Join(t.TempDir(), "tb")
		job := runner.Job{Name: "t1.1", Trial: 1, Attempt: 1, TrialDir: dir, Files: []sweep.ReportFile{{Kind: sweep.TensorBoard, Path: tb}}}
		csv, doc := filepath.Join(dir, "log.csv"), filepath.Join(dir, "results.json")
		job.Files = append(job.Files, sweep.ReportFile{Kind: sweep.CSVFile, Path: csv}, sweep.ReportFile{Kind: sweep.JSONFile, Path: doc})
		appendTo(t, csv, []byte("step,rows\n"))
		var entries []string
		paths := []string{filepath.Join(dir, "logs", "version_0", "events.out.tfevents.1.h"), filepath.Join(tb, "events.out.tfevents.2.h")}
		var got, want []string
		f := newFollowed(job, nil)
		take := func(u runner.Update) {
			for _, r := range u.Reports {
				got = append(got, fmt.Sprintf("%s %d %g", r.Name, r.Step, r.Value))
			}
			if u.Mark != "" {
				job.Mark = u.Mark
			}
			if u.Note != nil {
				t.Errorf("got note %q", u.Note.Text)
			}
		}
		reads := 0
		for step := range int64(20) {
			appendTo(t, csv, fmt.Appendf(nil, "%d,%d\n", step, step))
			entries = append(entries, fmt.Sprintf(`{"step": %d, "entries": %d}`, step, step))
			if err := os.WriteFile(doc, []byte("["+strings.Join(entries, ",")+"]"), 0o644); err != nil {
				t.Fatal(err)
			}
			want = append(want, fmt.Sprintf("rows %d %d", step, step), fmt.Sprintf("entries %d %d", step, step))
			for i, path := range paths {
				tag := []string{"loss", "acc"}[i]
				b := scalarRecord(tag, step*10, float32(step))
				want = append(want, fmt.Sprintf("%s %d %d", tag, step*10, step))
				for _, piece := range [][]byte{b[:7], b[7:20], b[20:]} {
					appendTo(t, path, piece)
					if reads++; reads%killEvery == 0 { // what an update without a mark holds is nothing
						f = newFollowed(job, nil)
					}
					take(f.read(files.Running))
				}
			}
		}
		take(f.last(sweep.Exit{}, nil))
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("killed every %d reads: got %d reports, want %d\n%q", killEvery, len(got), len(want), got)
		}
	}
}

func TestDamagedEventsAreSaidOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "events.out.tfevents.1.h")
	b := scalarRecord("loss", 1, 1)
	b[len(b)-1] ^= 1
	appendTo(t, path, slices.Concat(scalarRecord("loss", 0, 2), b))
	f := newFollowed(runner.Job{Trial: 7, TrialDir: dir}, nil)
	u := f.read(files.Running)
	if u.Note == nil || !strings.Contains(u.Note.Text, "trial 7: "+path) || !strings.Contains(u.Note.Text, "checksum") || len(u.Reports) != 1 {
		t.Errorf("got %+v, want one report, and a note with the file and what is wrong", u)
	}
	if u = f.last(sweep.Exit{}, nil); u.Note != nil || len(u.Reports) > 0 {
		t.Errorf("got %+v, want no more of it", u)
	}
}

// What an earlier attempt has written is not reported as the next one's.
func TestEventsOfEarlierAttemptsAreSetApart(t *testing.T) {
	dir, out := filepath.Join(t.TempDir(), "1"), t.TempDir()
	inside, outside := filepath.Join(dir, "runs", "events.out.tfevents.1.h"), filepath.Join(out, "events.out.tfevents.2.h")
	appendTo(t, outside, scalarRecord("before", 0, 1))
	var d dirs
	for attempt := 1; attempt <= 3; attempt++ {
		job := runner.Job{Trial: 1, Attempt: attempt, TrialDir: dir, Files: []sweep.ReportFile{{Kind: sweep.TensorBoard, Path: out}}}
		if err := d.prepare(job); err != nil {
			t.Fatal(err)
		}
		if u := newFollowed(job, nil).read(files.Running); len(u.Reports) > 0 {
			t.Errorf("attempt %d: got %v before it ran, want nothing", attempt, u.Reports)
		}
		appendTo(t, inside, scalarRecord("loss", int64(attempt), 1))
		appendTo(t, outside, scalarRecord("acc", int64(attempt), 1))
		u := newFollowed(job, nil).read(files.Running)
		if len(u.Reports) != 2 || u.Reports[0].Step != int64(attempt) || u.Reports[1].Step != int64(attempt) {
			t.Errorf("attempt %d: got %v, want its own two", attempt, u.Reports)
		}
	}
	for _, name := range []string{filepath.Join(dir, "runs", "attempt2.events.out.tfevents.1.h"), filepath.Join(out, "attempt0.events.out.tfevents.2.h")} {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("%v; want it kept for TensorBoard", err)
		}
	}
}

// With report.exit_value the status is the last report; not where something else
// ended the trial, or it ran out of memory.
func TestExitValue(t *testing.T) {
	for _, tt := range []struct {
		name string
		exit sweep.Exit
		tail string
		want []sweep.Report
	}{
		{"status", sweep.Exit{Code: 3, EndedAt: 9}, "", []sweep.Report{{Name: "score", Step: 1, Value: 3, At: 9}}},
		{"zero", sweep.Exit{EndedAt: 9}, "", []sweep.Report{{Name: "score", Step: 1, Value: 0, At: 9}}},
		{"signal", sweep.Exit{Code: -1, Signal: 9}, "", nil},
		{"timeout", sweep.Exit{Code: 143, Cause: sweep.StopTimeout}, "", nil},
		{"no such program", sweep.Exit{Code: 127}, "", nil},
		{"out of memory", sweep.Exit{Code: 1}, "MemoryError", nil},
	} {
		dir := t.TempDir()
		appendTo(t, filepath.Join(dir, LogName), []byte("{\"score\": 7}\n"+tt.tail+"\n"))
		f := newFollowed(runner.Job{Trial: 1, TrialDir: dir, ExitValue: "score"}, nil)
		f.read(files.Running)
		if u := f.last(tt.exit, nil); !slices.Equal(u.Reports, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, u.Reports, tt.want)
		}
	}
}

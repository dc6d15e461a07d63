package configs

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/trawl-sweep/trawl/sweep"
)

var durationPiece = regexp.MustCompile(`^(\d+(?:\.\d*)?|\.\d+)\s*(ms|secs|sec|s|mins|min|m|hours|hour|h|days|day|d|w)`)

var timeUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "sec": time.Second, "secs": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour, "w": 7 * 24 * time.Hour,
}

// maxTime keeps sums of durations far from overflow.
const maxTime = 100 * 365 * 24 * time.Hour

// parseDuration reads "2h", "1h30m", "1.5d", and a plain number as seconds.
func parseDuration(v sweep.Value) (time.Duration, bool) {
	if f, ok := v.Number(); ok && v.Kind() != sweep.Bool {
		return toDuration(f * float64(time.Second))
	}
	s := strings.TrimSpace(v.Text())
	if n, ok := sweep.ParseNumber(s); ok && v.Kind() == sweep.String {
		return parseDuration(n)
	}
	if v.Kind() != sweep.String || s == "" {
		return 0, false
	}
	total := 0.0
	for s != "" {
		m := durationPiece.FindStringSubmatch(s)
		if m == nil {
			return 0, false
		}
		f, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, false
		}
		total += f * float64(timeUnits[m[2]])
		s = strings.TrimSpace(s[len(m[0]):])
	}
	return toDuration(total)
}

func toDuration(ns float64) (time.Duration, bool) {
	if math.IsNaN(ns) || ns < 0 || ns > float64(maxTime) {
		return 0, false
	}
	return time.Duration(math.Round(ns)), true
}

var sizeForm = regexp.MustCompile(`^(\d+(?:\.\d*)?|\.\d+)\s*([kKmMgGtT]?)(i?)([bB]?)$`)

// parseSize reads "4GiB", "500MB", "4G" (as GiB) and a plain number of bytes.
func parseSize(v sweep.Value) (int64, bool) {
	var f float64
	switch v.Kind() {
	case sweep.Int, sweep.Float:
		f, _ = v.Number()
	case sweep.String:
		m := sizeForm.FindStringSubmatch(strings.TrimSpace(v.Text()))
		if m == nil || m[2] == "" && m[3] != "" {
			return 0, false
		}
		var err error
		if f, err = strconv.ParseFloat(m[1], 64); err != nil {
			return 0, false
		}
		base := 1024.0
		if m[3] == "" && m[4] != "" {
			base = 1000
		}
		f *= math.Pow(base, float64(strings.Index("_kmgt", strings.ToLower(m[2] + "_")[:1])))
	default:
		return 0, false
	}
	if math.IsNaN(f) || f < 0 || f > 1<<60 {
		return 0, false
	}
	return int64(f), true
}

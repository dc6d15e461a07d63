package local

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/trawl-sweep/trawl/sweep"
)

// The messages between trawl and a supervisor: a kind, a length, a body.
const (
	msgHello byte = 'h' // supervisor → trawl: the job that runs, "" if none
	msgHold  byte = 'l' // trawl → supervisor: descriptors to hold during the next job
	msgStart byte = 's' // trawl → supervisor
	msgStop  byte = 'k' // trawl → supervisor
	msgRead  byte = 'r' // trawl → supervisor: how far the output was read
	msgExit  byte = 'e' // supervisor → trawl: an exit record
	maxMsg        = 64 << 20
)

// order is a job as the supervisor needs it.
type order struct {
	name, token, boot string
	argv              []string
	dir               string
	env               []string
	trialDir          string
	timeout, stall    time.Duration
	signal            int
	grace             time.Duration
	logLimit          int64
	memory            int64
	files             []sweep.ReportFile // with stall: those that are watched
	held              []*os.File         // go beside it, as descriptors
}

func (o *order) encode() []byte {
	w := wire{b: make([]byte, 0, 4096)}
	w.str(o.name).str(o.token).str(o.boot).strs(o.argv).str(o.dir).strs(o.env).str(o.trialDir)
	w.int(int64(o.timeout)).int(int64(o.stall)).int(int64(o.signal)).int(int64(o.grace)).int(o.logLimit).int(o.memory)
	for _, f := range o.files {
		w.str(string(f.Kind)).str(f.Path)
	}
	return w.b
}

func decodeOrder(b []byte) (*order, error) {
	w := wire{b: b}
	o := &order{name: w.getStr(), token: w.getStr(), boot: w.getStr(), argv: w.getStrs(), dir: w.getStr(),
		env: w.getStrs(), trialDir: w.getStr()}
	o.timeout, o.stall = time.Duration(w.getInt()), time.Duration(w.getInt())
	o.signal, o.grace, o.logLimit, o.memory = int(w.getInt()), time.Duration(w.getInt()), w.getInt(), w.getInt()
	for !w.bad && len(w.b) > 0 {
		o.files = append(o.files, sweep.ReportFile{Kind: sweep.FileKind(w.getStr()), Path: w.getStr()})
	}
	if w.bad || len(o.argv) == 0 {
		return nil, fmt.Errorf("a damaged order")
	}
	return o, nil
}

func encodeStop(name string, why sweep.Stop, hard bool) []byte {
	w := wire{}
	h := uint64(0)
	if hard {
		h = 1
	}
	w.str(name).str(string(why)).uint(h)
	return w.b
}

// send writes one message in one write.
func send(w io.Writer, kind byte, body []byte) error {
	b := make([]byte, 5, 5+len(body))
	b[0] = kind
	binary.LittleEndian.PutUint32(b[1:], uint32(len(body)))
	_, err := w.Write(append(b, body...))
	return err
}

// sendStart sends an order, behind the descriptors that go with it.
func sendStart(c net.Conn, o *order) error {
	if len(o.held) > 0 {
		fds := make([]int, len(o.held))
		for i, f := range o.held {
			fds[i] = int(f.Fd())
		}
		u, ok := c.(*net.UnixConn)
		if !ok {
			return fmt.Errorf("a connection that carries no descriptors: %T", c)
		}
		if _, _, err := u.WriteMsgUnix([]byte{msgHold, 0, 0, 0, 0}, syscall.UnixRights(fds...), nil); err != nil {
			return err
		}
	}
	return send(c, msgStart, o.encode())
}

// receive reads one message.
func receive(r *bufio.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[1:])
	if n > maxMsg {
		return 0, nil, fmt.Errorf("a message of %d bytes", n)
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r, body)
	return head[0], body, err
}

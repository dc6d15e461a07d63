package results

import (
	"context"
	"database/sql/driver"
	"fmt"
)

// A Request is a word from another terminal to the process that owns a sweep:
// stop, pause, set parallel=2.
type Request struct {
	ID        int64
	Verb, Arg string
	At        int64 // Unix microseconds
}

// requestState is what Requests knows since its last call.
type requestState struct {
	version int64 // PRAGMA data_version of the connection below
	c       *conn
}

// Request asks the owner of a sweep for something. Answer tells what came of it.
func (db *DB) Request(ctx context.Context, sweepName, verb, arg string) (id int64, err error) {
	at := db.opts.Now().UnixMicro()
	err = db.do(ctx, func(c *conn) error {
		sid, err := c.int("select id from t_sweeps where name = ?", sweepName)
		if err != nil {
			return err
		}
		if sid == 0 {
			return fmt.Errorf("sweep %q: %w", sweepName, ErrNoSweep)
		}
		res, err := c.exec("insert into t_requests (sweep, verb, arg, at) values (?, ?, ?, ?)", sid, verb, arg, at)
		if err != nil {
			return err
		}
		id, err = res.LastInsertId()
		return err
	})
	return id, wrap("request "+verb, err)
}

// Requests returns the requests that are not done, oldest first. It costs a few
// microseconds when the database did not change since the last call. It is used
// by one goroutine.
func (s *Store) Requests(ctx context.Context) ([]Request, error) {
	const open = "select id, verb, arg, at from t_requests where sweep = ? and done_at is null order by id"
	var out []Request
	collect := func(r []driver.Value) error {
		out = append(out, Request{asInt(r[0]), asText(r[1]), asText(r[2]), asInt(r[3])})
		return nil
	}
	if s.db.opts.exclusive { // nobody else can write: only this process asks
		return out, wrap("read requests", s.db.reader.each(ctx, open, []driver.Value{s.id}, collect))
	}
	if s.seen.c == nil {
		c, err := dialRead(ctx, s.db.path)
		if err != nil {
			return nil, wrap("read requests", err)
		}
		s.seen = requestState{c: c, version: -1}
	}
	v, err := s.seen.c.int("pragma data_version")
	if err != nil || v == s.seen.version {
		return nil, wrap("read requests", err)
	}
	if err := s.seen.c.each(ctx, open, []driver.Value{s.id}, collect); err != nil {
		return nil, wrap("read requests", err)
	}
	if len(out) == 0 { // what is not done is told again
		s.seen.version = v
	}
	return out, nil
}

// Done marks a request as done, with a line for whoever asked.
func (s *Store) Done(ctx context.Context, id int64, answer string) error {
	at := s.db.opts.Now().UnixMicro()
	return wrap("answer request", s.db.do(ctx, func(c *conn) error {
		_, err := c.exec("update t_requests set answer = ?, done_at = ? where id = ? and sweep = ?", answer, at, id, s.id)
		return err
	}))
}

// Answer tells what came of a request; done is false while nobody took it.
func (r *Reader) Answer(ctx context.Context, id int64) (answer string, done bool, err error) {
	_, err = r.one(ctx, "select answer, done_at is not null from t_requests where id = ?", []driver.Value{id}, func(row []driver.Value) {
		answer, done = asText(row[0]), asInt(row[1]) != 0
	})
	return answer, done, wrap("read answer", err)
}

// Answer is Reader.Answer.
func (db *DB) Answer(ctx context.Context, id int64) (answer string, done bool, err error) {
	return db.reader.Answer(ctx, id)
}

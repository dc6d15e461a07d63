package results

import (
	"database/sql/driver"
	"strings"
)

// A bulk inserts rows with as few statements as it can: the speed of SQLite is
// in the statement, and one of a hundred rows takes a third of the time of a
// hundred.
type bulk struct {
	head, row, tail string // "insert into t (…) values", "(?, ?)", "on conflict …"
	width           int    // values per row
	texts           [len(bulkSizes)]string
}

// bulkSizes are the numbers of rows for which a statement is prepared.
var bulkSizes = [...]int{256, 64, 16, 4, 2, 1}

func newBulk(head string, width int, tail string) *bulk {
	return &bulk{head: head, row: "(" + strings.Repeat("?, ", width-1) + "?)", tail: tail, width: width}
}

func (b *bulk) text(size int) string {
	if b.texts[size] == "" {
		b.texts[size] = b.head + strings.Repeat(b.row+", ", bulkSizes[size]-1) + b.row + b.tail
	}
	return b.texts[size]
}

// exec inserts the rows, whose values stand in one line, and returns the row id
// of the last.
func (b *bulk) exec(c *conn, values []driver.Value) (last int64, err error) {
	size := 0
	for len(values) > 0 {
		for bulkSizes[size]*b.width > len(values) {
			size++
		}
		n := bulkSizes[size] * b.width
		res, err := c.exec(b.text(size), values[:n]...)
		if err != nil {
			return 0, err
		}
		if last, err = res.LastInsertId(); err != nil {
			return 0, err
		}
		values = values[n:]
	}
	return last, nil
}

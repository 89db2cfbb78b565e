package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"modernc.org/sqlite"

	"github.com/posvid/posvid/issuer"
)

// Errors of the package. Each is wrapped with what was being done.
var (
	// ErrStopped: an earlier write failed (disk full, I/O error, damage); the store takes no more
	// writes until it is opened again.
	ErrStopped = errors.New("store: stopped by an earlier failure")
	// ErrDiskFull: the disk, or the page cap of Options, has no room left.
	ErrDiskFull = errors.New("store: disk full")
	// ErrIO: reading, writing or syncing the file failed.
	ErrIO = errors.New("store: input/output error")
	// ErrDamaged: the file is not a database, or its pages contradict each other.
	ErrDamaged = errors.New("store: database is damaged")
	// ErrBusy: another process held the write lock longer than the busy timeout.
	ErrBusy = errors.New("store: locked by another process")
	// ErrNewer: the file was written by a newer program.
	ErrNewer = errors.New("store: schema is newer than this program")
	// ErrConflict: a uniqueness rule of the schema refused the row.
	ErrConflict = issuer.ErrConflict
	// ErrNotFound: no row answers the question.
	ErrNotFound = issuer.ErrNotFound
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store: closed")
)

// Options of Open. The zero value is a store with no personal identifiers: it holds no data key.
type Options struct {
	// Sealer encrypts РНОКПП and УНЗР and derives person keys; nil refuses every row that needs it.
	Sealer *Sealer
	// MaxPages caps the file at so many 4 KiB pages; 0 means no cap. A write over it fails with ErrDiskFull.
	MaxPages int
	// Readers is the number of read connections; 0 means one for each CPU, at least 2.
	Readers int
}

// Store is one body's database. It is safe for use by many goroutines.
type Store struct {
	path   string
	sealer *Sealer

	writeDB *sql.DB
	readDB  *sql.DB
	write   chan *conn    // holds the one write connection when no transaction runs
	read    chan *conn    // idle read connections
	done    chan struct{} // closed by Close

	mu      sync.Mutex
	stopped error // first failure of the disk
	closed  bool
}

var _ issuer.Store = (*Store)(nil)

// conn is one connection with the statements prepared on it.
type conn struct {
	c     *sql.Conn
	stmts map[string]*sql.Stmt
}

const busyTimeoutMS = 10_000

// Open opens the database file at path, creates it when it is missing and brings its schema up to date.
// The folder must exist. Errors: ErrDamaged, ErrNewer, ErrBusy, ErrDiskFull, ErrIO.
func Open(path string, o Options) (*Store, error) {
	return openFile(path, o, migrationFiles)
}

// openFile is Open with the steps of a schema.
func openFile(path string, o Options, steps fs.FS) (*Store, error) {
	if path == "" {
		return nil, errors.New("store: open: want a file path, got an empty one")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store: open: %w", err)
	}
	if o.Readers <= 0 {
		o.Readers = max(2, runtime.GOMAXPROCS(0))
	}
	_, statErr := os.Stat(abs)
	if errors.Is(statErr, os.ErrNotExist) {
		// Made here and not by the engine, so that nobody else may read it; its log takes the same mode.
		f, err := os.OpenFile(abs, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("store: open: %w: %w", ErrIO, err)
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("store: open: %w: %w", ErrIO, err)
		}
	}
	s := &Store{path: abs, sealer: o.Sealer, write: make(chan *conn, 1), read: make(chan *conn, o.Readers), done: make(chan struct{})}
	if s.writeDB, err = sql.Open("sqlite", dsn(abs, false)); err != nil {
		return nil, fmt.Errorf("store: open: %w", err)
	}
	s.writeDB.SetMaxOpenConns(1)
	ctx := context.Background()
	w, err := newConn(ctx, s.writeDB)
	if err != nil {
		s.writeDB.Close()
		return nil, named("open", err)
	}
	if err := s.prepareFile(ctx, w, o, steps); err != nil {
		w.close()
		s.writeDB.Close()
		return nil, err
	}
	if errors.Is(statErr, os.ErrNotExist) {
		// The file's name is durable only when its folder is.
		if err := syncDir(filepath.Dir(abs)); err != nil {
			w.close()
			s.writeDB.Close()
			return nil, fmt.Errorf("store: open: %w: %w", ErrIO, err)
		}
	}
	s.write <- w
	if s.readDB, err = sql.Open("sqlite", dsn(abs, true)); err != nil {
		s.Close()
		return nil, fmt.Errorf("store: open: %w", err)
	}
	s.readDB.SetMaxOpenConns(o.Readers)
	for range o.Readers {
		r, err := newConn(ctx, s.readDB)
		if err != nil {
			s.Close()
			return nil, named("open", err)
		}
		s.read <- r
	}
	return s, nil
}

func (s *Store) prepareFile(ctx context.Context, w *conn, o Options, steps fs.FS) error {
	var mode string
	if err := w.c.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return named("open", err)
	}
	if mode != "wal" {
		return fmt.Errorf("store: open: journal mode is %q, want \"wal\"", mode)
	}
	if o.MaxPages > 0 {
		if _, err := w.c.ExecContext(ctx, "PRAGMA max_page_count="+strconv.Itoa(o.MaxPages)); err != nil {
			return named("open", err)
		}
	}
	return migrate(ctx, w.c, steps)
}

func dsn(path string, readOnly bool) string {
	q := url.Values{}
	q.Add("_pragma", "busy_timeout("+strconv.Itoa(busyTimeoutMS)+")")
	q.Add("_pragma", "foreign_keys(on)")
	q.Add("_pragma", "mmap_size(0)")
	q.Add("_pragma", "cell_size_check(on)")
	q.Add("_pragma", "trusted_schema(off)")
	q.Add("_pragma", "temp_store(memory)")
	if readOnly {
		q.Add("_pragma", "query_only(on)")
		q.Add("_pragma", "cache_size(-8192)")
	} else {
		q.Add("_pragma", "synchronous(full)")
		q.Add("_pragma", "wal_autocheckpoint(4000)")
		q.Add("_pragma", "journal_size_limit(67108864)")
		q.Add("_pragma", "cache_size(-65536)")
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

func newConn(ctx context.Context, db *sql.DB) (*conn, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c: c, stmts: make(map[string]*sql.Stmt)}, nil
}

func (c *conn) close() {
	for _, st := range c.stmts {
		st.Close()
	}
	c.c.Close()
}

func (c *conn) stmt(ctx context.Context, q string) (*sql.Stmt, error) {
	if st, ok := c.stmts[q]; ok {
		return st, nil
	}
	st, err := c.c.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	c.stmts[q] = st
	return st, nil
}

// Close waits for the running write, moves the log into the file and closes every connection.
// Closing twice is harmless.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	s.mu.Unlock()
	var errs []error
	if s.readDB != nil {
		for range cap(s.read) {
			select {
			case r := <-s.read:
				r.close()
			default:
			}
		}
		errs = append(errs, s.readDB.Close())
	}
	w := <-s.write
	if s.failed() == nil {
		w.c.ExecContext(context.Background(), "PRAGMA optimize")
	}
	w.close()
	errs = append(errs, s.writeDB.Close())
	return errors.Join(errs...)
}

// Path is the absolute path of the database file.
func (s *Store) Path() string { return s.path }

// MAC is HMAC-SHA-256 over data under a key derived from the body's data key for label; it makes person
// keys and code hashes that nobody can compute without the data key. Error: ErrNoSealer.
func (s *Store) MAC(label string, data []byte) ([32]byte, error) {
	if s.sealer == nil {
		return [32]byte{}, ErrNoSealer
	}
	return s.sealer.MAC(label, data), nil
}

func (s *Store) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

func (s *Store) stop(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped == nil {
		s.stopped = err
	}
}

// writer takes the write connection; who took it gives it back to s.write.
func (s *Store) writer(ctx context.Context) (*conn, error) {
	var c *conn
	select {
	case c = <-s.write:
	case <-s.done:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	stopped, closed := s.stopped, s.closed
	s.mu.Unlock()
	switch {
	case closed:
		s.write <- c
		return nil, ErrClosed
	case stopped != nil:
		s.write <- c
		return nil, fmt.Errorf("%w: %w", ErrStopped, stopped)
	}
	return c, nil
}

// Update runs f in the one write transaction and makes it durable. f sees its own writes; when f or the
// commit fails nothing of it remains. ctx is looked at until the transaction begins; from then on the
// transaction runs to its end. A failure of the disk stops the store (ErrStopped).
func (s *Store) Update(ctx context.Context, f func(issuer.Tx) error) (err error) {
	c, err := s.writer(ctx)
	if err != nil {
		return err
	}
	defer func() { s.write <- c }()
	if err := ctx.Err(); err != nil {
		return err
	}
	// Statements run without the caller's context: a cancellation in the middle must not split a write.
	bg := context.Background()
	t := &tx{c: c, ctx: bg, s: s, writable: true}
	if _, err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return s.note("begin", err)
	}
	done := false
	defer func() {
		if !done { // f failed or panicked
			if _, rerr := t.exec("ROLLBACK"); rerr != nil && !noTransaction(rerr) {
				err = errors.Join(err, s.note("rollback", rerr))
			}
		}
	}()
	if err := f(t); err != nil {
		return s.note("", err)
	}
	if _, err := t.exec("COMMIT"); err != nil {
		return s.note("commit", err)
	}
	done = true
	return nil
}

// rewrite copies every row into a new file image in the order of the keys, and empties the log.
func (s *Store) rewrite(ctx context.Context) error {
	return s.withWriter(ctx, "rewrite", func(c *conn) error {
		if _, err := c.c.ExecContext(context.Background(), "VACUUM"); err != nil {
			return err
		}
		return truncateLog(c)
	})
}

// truncateLog empties the log into the file; it needs a moment without readers.
func truncateLog(c *conn) error {
	var busy, pages, moved int
	if err := c.c.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return fmt.Errorf("readers hold the log: %w", ErrBusy)
	}
	return nil
}

// withWriter lends the write connection outside a transaction. As in Update, what runs is not split by a cancellation.
func (s *Store) withWriter(ctx context.Context, doing string, f func(*conn) error) error {
	c, err := s.writer(ctx)
	if err != nil {
		return err
	}
	defer func() { s.write <- c }()
	return s.note(doing, f(c))
}

// View runs f over one consistent snapshot. f cannot write.
func (s *Store) View(ctx context.Context, f func(issuer.Tx) error) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	var c *conn
	select {
	case c = <-s.read:
	case <-s.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.read <- c }()
	t := &tx{c: c, ctx: context.Background(), s: s}
	if _, err := t.exec("BEGIN"); err != nil {
		return named("begin", err)
	}
	defer t.exec("ROLLBACK")
	if err := f(t); err != nil {
		return named("", err)
	}
	return nil
}

// note names the error and stops the store when the disk is to blame.
func (s *Store) note(doing string, err error) error {
	err = named(doing, err)
	if errors.Is(err, ErrDiskFull) || errors.Is(err, ErrIO) || errors.Is(err, ErrDamaged) {
		s.stop(err)
	}
	return err
}

// named turns the driver's codes into the package's errors; other errors pass unchanged.
func named(doing string, err error) error {
	if err == nil {
		return nil
	}
	prefix := "store: "
	if doing != "" {
		prefix += doing + ": "
	}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		if doing == "" {
			return err
		}
		return fmt.Errorf("%s%w", prefix, err)
	}
	for _, known := range []error{ErrDiskFull, ErrIO, ErrDamaged, ErrBusy, ErrConflict} {
		if errors.Is(err, known) {
			return err // named already, lower down
		}
	}
	var kind error
	switch se.Code() & 0xff {
	case 13: // SQLITE_FULL
		kind = ErrDiskFull
	case 10: // SQLITE_IOERR and its extended codes
		kind = ErrIO
	case 11, 26: // SQLITE_CORRUPT, SQLITE_NOTADB
		kind = ErrDamaged
	case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
		kind = ErrBusy
	case 19: // SQLITE_CONSTRAINT
		kind = ErrConflict
	default:
		return fmt.Errorf("%s%w", prefix, err)
	}
	return fmt.Errorf("%s%w: %w", prefix, kind, err)
}

func noTransaction(err error) bool {
	// SQLite rolls back by itself on FULL, IOERR and NOMEM; a second ROLLBACK then says so.
	return strings.Contains(err.Error(), "no transaction is active")
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // Windows syncs a folder with its files and has no handle to sync
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// tx is one transaction; it satisfies issuer.Tx. It is used by one goroutine.
type tx struct {
	c        *conn
	ctx      context.Context
	s        *Store
	writable bool
}

func (t *tx) exec(q string, args ...any) (sql.Result, error) {
	st, err := t.c.stmt(t.ctx, q)
	if err != nil {
		return nil, named("", err)
	}
	r, err := st.ExecContext(t.ctx, args...)
	if err != nil {
		return nil, named("", err)
	}
	return r, nil
}

// exec1 is exec for a statement that must touch exactly one row; otherwise ErrNotFound.
func (t *tx) exec1(q string, args ...any) error {
	r, err := t.exec(q, args...)
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err != nil {
		return named("", err)
	}
	if n != 1 {
		return fmt.Errorf("%w: %d rows, want 1", ErrNotFound, n)
	}
	return nil
}

// row scans the first row; ErrNotFound when there is none.
func (t *tx) row(q string, args []any, dest ...any) error {
	st, err := t.c.stmt(t.ctx, q)
	if err != nil {
		return named("", err)
	}
	err = st.QueryRowContext(t.ctx, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return named("", err)
}

// rows calls each for every row of the answer; each scans it.
func (t *tx) rows(q string, args []any, each func(scan func(dest ...any) error) error) error {
	st, err := t.c.stmt(t.ctx, q)
	if err != nil {
		return named("", err)
	}
	rs, err := st.QueryContext(t.ctx, args...)
	if err != nil {
		return named("", err)
	}
	defer rs.Close()
	for rs.Next() {
		if err := each(rs.Scan); err != nil {
			return err
		}
	}
	return named("", rs.Err())
}

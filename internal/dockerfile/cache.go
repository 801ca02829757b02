package dockerfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"hash"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/moby/sys/atomicwriter"

	"github.com/stowage-build/stowage/planner"
)

// cacheMagic starts a cache's file. The number is that of what Analyze finds: a
// change that lets it find something else must change it, and a test of the
// findings of many Dockerfiles guards that.
const cacheMagic = "stowage dockerfiles 5\n"

// cacheKey is the sha256 of a Dockerfile and of all that decides its meaning.
type cacheKey [sha256.Size]byte

// Cache is an Analyzer that remembers its findings in a file, since nothing but
// a Dockerfile and the options decides them. It is safe for concurrent use, and
// by any number of processes: the file is replaced as a whole. A damaged or
// missing file is an empty cache.
type Cache struct {
	path string
	// version is of the parser, part of every key.
	version string
	load    sync.Once
	// parsed are the Dockerfiles that were parsed last.
	parsed *lru.Cache[cacheKey, *file]

	mu sync.Mutex
	// known is what the file had, used what was asked for.
	known, used map[cacheKey]*planner.Dockerfile
	added       bool
}

var _ planner.Dockerfiles = (*Cache)(nil)

// NewCache returns the cache in a file, which need not exist. It is read when
// it is first needed.
func NewCache(path string) *Cache {
	parsed, err := lru.New[cacheKey, *file](parsedAtOnce)
	if err != nil {
		panic(err) // the size is positive
	}
	return &Cache{path: path, version: parserVersion(), parsed: parsed}
}

// parsedAtOnce is more than the goroutines that analyze Dockerfiles at a time.
const parsedAtOnce = 64

// parserVersion is the version of the BuildKit that Dockerfiles are parsed
// with, "" where it is not recorded: in tests.
func parserVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/moby/buildkit" {
			return m.Version
		}
	}
	return ""
}

// Analyze is Analyzer.Analyze. The result is shared and not to be changed.
func (c *Cache) Analyze(content []byte, opts planner.AnalyzeOptions) (*planner.Dockerfile, error) {
	c.load.Do(c.read)
	key := c.key(content, opts)
	if df := c.find(key); df != nil {
		return df, nil
	}
	f, err := c.parse(content)
	if err != nil {
		return nil, err
	}
	df, err := f.analyze(opts)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used[key], c.added = df, true
	return df, nil
}

// parse parses a Dockerfile once for all the platforms it is analyzed for, one
// after the other.
func (c *Cache) parse(content []byte) (*file, error) {
	key := sha256.Sum256(content)
	if f, ok := c.parsed.Get(key); ok {
		return f, nil
	}
	f, err := parse(content)
	if err == nil {
		c.parsed.Add(key, f)
	}
	return f, err
}

func (c *Cache) find(key cacheKey) *planner.Dockerfile {
	c.mu.Lock()
	defer c.mu.Unlock()
	df := c.used[key]
	if df == nil {
		if df = c.known[key]; df != nil {
			c.used[key] = df
		}
	}
	return df
}

// key hashes everything that Analyze looks at, each string with its length
// before it.
func (c *Cache) key(content []byte, opts planner.AnalyzeOptions) (key cacheKey) {
	h := keyHash{Hash: sha256.New()}
	h.text(c.version)
	h.number(len(content))
	h.Write(content)
	h.text(opts.Target)
	h.text(opts.Platform)
	h.text(opts.Native)
	h.number(len(opts.Args))
	for _, name := range slices.Sorted(maps.Keys(opts.Args)) {
		h.text(name)
		h.text(opts.Args[name])
	}
	h.texts(opts.Contexts)
	h.number(len(opts.OnBuild))
	for _, name := range slices.Sorted(maps.Keys(opts.OnBuild)) {
		h.text(name)
		h.texts(opts.OnBuild[name])
	}
	h.Sum(key[:0])
	return key
}

// keyHash is a hash of strings that cannot run into each other.
type keyHash struct {
	hash.Hash
	scratch []byte
}

func (h *keyHash) number(n int) {
	h.scratch = binary.AppendUvarint(h.scratch[:0], uint64(n))
	h.Write(h.scratch)
}

func (h *keyHash) text(s string) {
	h.scratch = binary.AppendUvarint(h.scratch[:0], uint64(len(s)))
	h.scratch = append(h.scratch, s...)
	h.Write(h.scratch)
}

func (h *keyHash) texts(list []string) {
	h.number(len(list))
	for _, s := range list {
		h.text(s)
	}
}

// read reads the file: cacheMagic, the sha256 of the rest, the rest.
func (c *Cache) read() {
	c.used = map[cacheKey]*planner.Dockerfile{}
	content, err := os.ReadFile(c.path)
	if err != nil {
		return
	}
	rest, ok := bytes.CutPrefix(content, []byte(cacheMagic))
	if !ok || len(rest) < sha256.Size {
		return
	}
	if sum := sha256.Sum256(rest[sha256.Size:]); !bytes.Equal(sum[:], rest[:sha256.Size]) {
		return
	}
	var known map[cacheKey]*planner.Dockerfile
	if gob.NewDecoder(bytes.NewReader(rest[sha256.Size:])).Decode(&known) == nil {
		c.known = known
	}
}

// Save remembers what was asked for, if any of it is new. What was not asked
// for is forgotten.
func (c *Cache) Save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.added {
		return nil
	}
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(c.used); err != nil {
		return fmt.Errorf("save what Dockerfiles say: %w", err)
	}
	sum := sha256.Sum256(body.Bytes())
	content := append(append([]byte(cacheMagic), sum[:]...), body.Bytes()...)
	err := os.MkdirAll(filepath.Dir(c.path), 0o755)
	if err == nil {
		err = atomicwriter.WriteFile(c.path, content, 0o644)
	}
	if err != nil {
		return fmt.Errorf("save what Dockerfiles say: %w", err)
	}
	c.added = false
	return nil
}

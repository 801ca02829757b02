package buildkit

import (
	"context"
	"fmt"
	"time"

	"github.com/moby/buildkit/client"
)

// Record is one entry of a daemon's cache.
type Record struct {
	ID          string    `json:"id"`
	Type        string    `json:"type"` // as BuildKit calls it: regular, exec.cachemount, source.local, …
	Size        int64     `json:"size"` // bytes
	InUse       bool      `json:"in_use"`
	Mutable     bool      `json:"mutable"`
	Shared      bool      `json:"shared"`
	CreatedAt   time.Time `json:"created_at"`
	LastUsedAt  time.Time `json:"last_used_at,omitzero"`
	Description string    `json:"description"`
}

// running reports whether an instruction has the record mounted to write on it.
func (r Record) running() bool {
	return r.InUse && r.Mutable && r.Type == string(client.UsageRecordTypeRegular)
}

func record(u *client.UsageInfo) Record {
	r := Record{
		ID: u.ID, Type: string(u.RecordType), Size: u.Size, InUse: u.InUse, Mutable: u.Mutable, Shared: u.Shared,
		CreatedAt: u.CreatedAt, Description: u.Description,
	}
	if u.LastUsedAt != nil {
		r.LastUsedAt = *u.LastUsedAt
	}
	return r
}

// Usage lists the daemon's cache.
func (c *Client) Usage(ctx context.Context) ([]Record, error) {
	infos, err := c.buildkit.DiskUsage(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask builder %s for its cache: %w", c.endpoint, lost(ctx, err))
	}
	out := make([]Record, len(infos))
	for i, info := range infos {
		out[i] = record(info)
	}
	return out, nil
}

// Running counts the instructions that write on records of a cache.
func Running(records []Record) int {
	n := 0
	for _, r := range records {
		if r.running() {
			n++
		}
	}
	return n
}

// Size is the sum of the records' sizes in bytes.
func Size(records []Record) int64 {
	var n int64
	for _, r := range records {
		n += r.Size
	}
	return n
}

// PruneOptions say what is removed of a cache. What is in use stays.
type PruneOptions struct {
	// All removes what is shared with images and internal as well.
	All bool
	// Keep is how many bytes of cache stay, what was used last first; 0 keeps
	// none.
	Keep int64
	// Older removes only what has not been used for that long.
	Older time.Duration
}

// Prune removes records of the daemon's cache and returns them.
func (c *Client) Prune(ctx context.Context, opts PruneOptions) ([]Record, error) {
	options := []client.PruneOption{client.WithKeepOpt(opts.Older, opts.Keep, opts.Keep, 0)}
	if opts.All {
		options = append(options, client.PruneAll)
	}
	removed := make(chan client.UsageInfo)
	ended := make(chan error, 1)
	go func() {
		ended <- c.buildkit.Prune(ctx, removed, options...)
		close(removed)
	}()
	var out []Record
	for info := range removed {
		out = append(out, record(&info))
	}
	if err := <-ended; err != nil {
		return out, fmt.Errorf("prune builder %s: %w", c.endpoint, lost(ctx, err))
	}
	return out, nil
}

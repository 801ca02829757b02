package layout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Damage says, by an error that wraps ErrCorrupt, what is wrong with
// index.json; nil is nothing. As long as it is damaged, the store has the
// entries from before its last change, any other reference is Lost, and
// nothing is collected. Repair, and whatever changes an entry, replaces it.
func (s *Store) Damage() (damage, err error) {
	c, err := s.index.load()
	if err != nil {
		return nil, fmt.Errorf("read the store: %w", err)
	}
	return c.damage, nil
}

// Repair replaces a damaged index.json by one with the entries from before its
// last change, and returns what was wrong: see Damage. The damaged file is kept
// beside it, as index.json.damaged. A sound store is left alone.
func (s *Store) Repair(ctx context.Context) (damage, err error) {
	if damage, err := s.Damage(); damage == nil {
		return nil, err
	}
	unlock, err := s.alone(ctx)
	if err != nil {
		return nil, fmt.Errorf("repair the store: %w", err)
	}
	defer unlock()
	current, err := s.index.load()
	if err != nil || current.damage == nil { // another process was first
		return nil, err
	}
	if err := s.writeIndexFile(current, current.index); err != nil {
		return nil, fmt.Errorf("repair the store: %w", err)
	}
	return current.damage, nil
}

// writeIndexFile replaces index.json, which said current. It needs the lock.
func (s *Store) writeIndexFile(current *catalog, idx *ocispec.Index) error {
	next := *idx
	next.MediaType = ocispec.MediaTypeImageIndex
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := s.keepOld(current); err != nil {
		return fmt.Errorf("keep the old %s: %w", s.index.path(), err)
	}
	written, err := s.replaceFile(indexFile, data)
	if err != nil {
		return fmt.Errorf("write %s: %w", s.index.path(), err)
	}
	s.index.wrote(&next, written)
	return nil
}

// keepOld keeps the index.json that is about to be replaced: a sound one is
// what to go back to, a damaged one may be of use to somebody.
func (s *Store) keepOld(current *catalog) error {
	if current.damage == nil {
		return s.keepPrevious()
	}
	data, err := os.ReadFile(s.index.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		_, err = s.replaceFile(damagedFile, data)
	}
	return err
}

// keepPrevious gives index.json a second name, so that nothing is written. A
// file system without such names goes without.
func (s *Store) keepPrevious() error {
	previous := filepath.Join(s.dir, previousFile)
	if err := s.disk.remove(previous); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := s.disk.link(s.index.path(), previous)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

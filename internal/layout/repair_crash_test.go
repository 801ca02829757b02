package layout

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestRepairStoppedAnywhere wants what was there before the damage, whenever
// the repair of it is stopped.
func TestRepairStoppedAnywhere(t *testing.T) {
	template := memoryDir(t)
	prepare(t, template)
	damaged := []byte(`{"schemaVersion":2,"mani`)
	if err := os.WriteFile(filepath.Join(template, indexFile), damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	repair := func(ctx context.Context, s *Store) error {
		_, err := s.Repair(ctx)
		return err
	}
	for n := 0; ; n++ {
		dir := filepath.Join(memoryDir(t), "store")
		copyStore(t, template, dir)
		stop := &stopper{count: n, forGood: true}
		doStopped(t, dir, stop, repair)
		s, err := Open(dir)
		if err != nil {
			t.Fatalf("stopped at change %d, %s: %v", n, stop.at, err)
		}
		image, err := s.Lookup(t.Context(), "r.test/kept:1")
		if err != nil || len(image.Manifests) != 1 {
			t.Errorf("stopped at change %d, %s: the store has %+v, %v", n, stop.at, image, err)
		}
		if err := repair(t.Context(), s); err != nil {
			t.Error(err)
		}
		wantSound(t, s, stop.at)
		if kept, err := os.ReadFile(filepath.Join(dir, damagedFile)); err != nil || !bytes.Equal(kept, damaged) {
			t.Errorf("stopped at change %d, %s: the damaged file is %q, %v", n, stop.at, kept, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if !stop.stopped {
			return
		}
	}
}

package main

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
)

// BenchmarkPlan plans generated workspaces in this process, where a profile
// can be taken:
//
//	go test ./plan -run '^$' -bench Plan/5000/warm -cpuprofile cpu.out
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := b.TempDir()
			if _, err := monorepo.Write(b.Context(), dir, monorepo.Usual(n)); err != nil {
				b.Fatal(err)
			}
			time.Sleep(settled)
			b.Run("cold", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					planOnce(b, dir, b.TempDir())
				}
			})
			store := b.TempDir()
			planOnce(b, dir, store)
			b.Run("warm", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					planOnce(b, dir, store)
				}
			})
		})
	}
}

func planOnce(b *testing.B, dir, store string) {
	b.Helper()
	w, err := stowage.Open(b.Context(), dir, stowage.Options{StoreDir: filepath.Join(store, "store")})
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Plan(b.Context(), stowage.PlanOptions{Offline: true}); err != nil {
		b.Fatal(err)
	}
}

package source

import (
	"context"
	"errors"
	"sync"
)

// lazy is a value that is made when it is first needed, and once. An attempt
// that was cancelled does not count. The zero value is ready for use.
type lazy[T any] struct {
	mu    sync.Mutex
	done  bool
	value T
	err   error
}

func (l *lazy[T]) get(ctx context.Context, make func(context.Context) (T, error)) (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return l.value, l.err
	}
	value, err := make(ctx)
	if err != nil && (ctx.Err() != nil || errors.Is(err, context.Canceled)) {
		return value, err
	}
	l.done, l.value, l.err = true, value, err
	return value, err
}

// made is the value if it has been made, else the zero value.
func (l *lazy[T]) made() T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.value
}

// memo is lazy values by name.
type memo[T any] struct {
	mu     sync.Mutex
	values map[string]*lazy[T]
}

func (m *memo[T]) get(ctx context.Context, name string, make func(context.Context) (T, error)) (T, error) {
	m.mu.Lock()
	if m.values == nil {
		m.values = map[string]*lazy[T]{}
	}
	value := m.values[name]
	if value == nil {
		value = &lazy[T]{}
		m.values[name] = value
	}
	m.mu.Unlock()
	return value.get(ctx, make)
}

// peek returns a value that is made already, without waiting for it.
func (m *memo[T]) peek(name string) (value T, made bool) {
	m.mu.Lock()
	l := m.values[name]
	m.mu.Unlock()
	if l == nil || !l.mu.TryLock() {
		return value, false
	}
	defer l.mu.Unlock()
	return l.value, l.done && l.err == nil
}

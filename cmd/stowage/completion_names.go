package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/lockfile"
	"github.com/stowage-build/stowage/planner"
)

// forCompletion opens the workspace and resolves it, which says what its
// packages are. Mistakes in it are no reason to complete nothing else.
func (e *env) forCompletion(ctx context.Context, use func(*stowage.Workspace, *planner.Resolved)) {
	opts, err := e.options()
	if err != nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	ws, err := stowage.Open(ctx, e.dir, opts)
	if err != nil {
		return
	}
	defer ws.Close()
	r, err := ws.Resolve(ctx)
	if err != nil {
		r = nil
	}
	use(ws, r)
}

// completePackages completes the names of packages and groups. Where a package
// has mistakes, names of blocks stand for those of packages.
func (e *env) completePackages(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	e.forCompletion(cmd.Context(), func(ws *stowage.Workspace, r *planner.Resolved) {
		if r != nil {
			for _, p := range r.Packages {
				names = append(names, cobra.CompletionWithDesc(p.Name, p.Context))
			}
		} else {
			for _, d := range ws.Config().Packages {
				names = append(names, d.Name)
			}
		}
		for _, g := range ws.Config().Groups {
			names = append(names, cobra.CompletionWithDesc("@"+g.Name, "group"))
		}
	})
	return names, cobra.ShellCompDirectiveDefault
}

// completePlatforms completes the platforms of the workspace's packages.
func (e *env) completePlatforms(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	set := map[string]bool{}
	e.forCompletion(cmd.Context(), func(_ *stowage.Workspace, r *planner.Resolved) {
		if r == nil {
			return
		}
		for _, p := range r.Packages {
			for _, platform := range p.Platforms {
				set[platform] = true
			}
		}
	})
	return slices.Sorted(maps.Keys(set)), cobra.ShellCompDirectiveNoFileComp
}

// completeEndpoints completes the endpoints of the workspace's builders.
func (e *env) completeEndpoints(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var endpoints []string
	e.forCompletion(cmd.Context(), func(ws *stowage.Workspace, _ *planner.Resolved) {
		for _, b := range ws.Config().Builders {
			endpoints = append(endpoints, cobra.CompletionWithDesc(b.Endpoint, b.Name))
		}
	})
	return endpoints, cobra.ShellCompDirectiveNoFileComp
}

// completeBuilders completes the names of the workspace's builders.
func (e *env) completeBuilders(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	e.forCompletion(cmd.Context(), func(ws *stowage.Workspace, _ *planner.Resolved) {
		for _, b := range ws.Config().Builders {
			names = append(names, cobra.CompletionWithDesc(b.Name, strings.Join(b.Platforms, ",")))
		}
	})
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeLocked completes the images that the workspace's lock file has.
func (e *env) completeLocked(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	root, err := stowage.FindRoot(e.dir)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	lock, _, err := lockfile.Read(root)
	if err != nil || lock == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(lock.Images)), cobra.ShellCompDirectiveNoFileComp
}

// completeRefs completes the references of what is in the store.
func (e *env) completeRefs(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	store, err := e.openStore()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer store.Close()
	entries, err := store.List(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var refs []string
	for _, entry := range entries {
		refs = append(refs, cobra.CompletionWithDesc(entry.Ref, strings.Join(entry.Platforms, ",")))
	}
	return refs, cobra.ShellCompDirectiveNoFileComp
}

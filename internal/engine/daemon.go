package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/moby/buildkit/cache/remotecache"
	inlineremotecache "github.com/moby/buildkit/cache/remotecache/inline"
	localremotecache "github.com/moby/buildkit/cache/remotecache/local"
	registryremotecache "github.com/moby/buildkit/cache/remotecache/registry"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/cmd/buildkitd/config"
	"github.com/moby/buildkit/control"
	"github.com/moby/buildkit/executor/oci"
	"github.com/moby/buildkit/frontend"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/gateway"
	"github.com/moby/buildkit/frontend/gateway/forwarder"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/bboltcachestorage"
	"github.com/moby/buildkit/util/apicaps"
	"github.com/moby/buildkit/util/db/boltutil"
	"github.com/moby/buildkit/util/disk"
	"github.com/moby/buildkit/util/grpcerrors"
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto" // the codec of BuildKit's API
	"github.com/moby/buildkit/util/network/cniprovider"
	"github.com/moby/buildkit/util/network/netproviders"
	"github.com/moby/buildkit/version"
	"github.com/moby/buildkit/worker"
	"github.com/moby/buildkit/worker/base"
	"github.com/moby/buildkit/worker/runc"
	"go.etcd.io/bbolt"
	"go.opentelemetry.io/otel/metric/noop"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
)

// Version is that of the BuildKit that is built in.
const Version = "v0.34.2"

// Builds are recorded by Stowage, so BuildKit's own history, which can grow
// without bound, keeps next to nothing.
const historyAge = time.Hour

// daemon is BuildKit, wired as its own buildkitd does
// (cmd/buildkitd/main.go), with one worker that runs runc.
type daemon struct {
	server     *grpc.Server
	controller *control.Controller
	closeTrace func() error
}

// Close closes the databases and the worker.
func (d *daemon) Close() error { return errors.Join(d.controller.Close(), d.closeTrace()) }

// newDaemon makes the daemon. Builds are told when stop is done.
func newDaemon(stop context.Context, cfg childConfig) (*daemon, error) {
	version.Version = Version
	apicaps.ExportedProduct = "buildkit"
	root, err := stateDir(cfg)
	if err != nil {
		return nil, fmt.Errorf("make the builder's directory: %w", err)
	}
	controller, err := newController(stop, cfg, root)
	if err != nil {
		return nil, err
	}
	options, closeTrace, err := traced(stop)
	if err != nil {
		return nil, errors.Join(err, controller.Close())
	}
	server := grpc.NewServer(append(options,
		grpc.ChainUnaryInterceptor(grpcerrors.UnaryServerInterceptor),
		grpc.StreamInterceptor(grpcerrors.StreamServerInterceptor),
		grpc.MaxRecvMsgSize(defaults.DefaultMaxRecvMsgSize),
		grpc.MaxSendMsgSize(defaults.DefaultMaxSendMsgSize),
	)...)
	controller.Register(server)
	return &daemon{server: server, controller: controller, closeTrace: closeTrace}, nil
}

// stateDir makes the directory of BuildKit's state and removes those of other
// ids. An engine whose store was removed may go on for a moment and collect
// its garbage by path: it must not find ours there.
func stateDir(cfg childConfig) (string, error) {
	dir := filepath.Join(cfg.Root, "buildkit-"+cfg.ID)
	others, err := filepath.Glob(filepath.Join(cfg.Root, "buildkit-*"))
	if err != nil {
		return "", err
	}
	for _, other := range others {
		if other != dir {
			err = errors.Join(err, os.RemoveAll(other))
		}
	}
	return dir, errors.Join(err, os.MkdirAll(dir, 0o700))
}

// newController opens the state and makes the controller, which closes it.
// After an error the process ends.
func newController(stop context.Context, cfg childConfig, root string) (*control.Controller, error) {
	sessions, err := session.NewManager()
	if err != nil {
		return nil, err
	}
	settings, err := cfg.Settings.parse()
	if err != nil {
		return nil, err
	}
	registries := &registryHosts{root: cfg.Root, settings: settings.Registries}
	hosts := docker.RegistryHosts(registries.find)
	w, err := newWorker(cfg, settings, root, hosts)
	if err != nil {
		return nil, fmt.Errorf("make the worker: %w", err)
	}
	workers := &worker.Controller{}
	if err := workers.Add(w); err != nil {
		return nil, err
	}
	gatewayFrontend, err := gateway.NewGatewayFrontend(workers.Infos(), nil)
	if err != nil {
		return nil, err
	}
	cacheStore, err := bboltcachestorage.NewStore(filepath.Join(root, "cache.db"))
	if err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	records, err := boltutil.SafeOpen(filepath.Join(root, "history.db"), 0o600, &bbolt.Options{
		FreelistType: bbolt.FreelistMapType, NoFreelistSync: true,
	})
	if err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	controller, err := control.NewController(control.Opt{
		SessionManager:   sessions,
		WorkerController: workers,
		Frontends: map[string]frontend.Frontend{
			"dockerfile.v0": forwarder.NewGatewayForwarder(workers.Infos(), dockerfile.Build),
			"gateway.v0":    gatewayFrontend,
		},
		CacheManager: solver.NewCacheManager(context.Background(), "local", cacheStore, worker.NewCacheResultStorage(workers)),
		ResolveCacheExporterFuncs: map[string]remotecache.ResolveCacheExporterFunc{
			"registry": registryremotecache.ResolveCacheExporterFunc(sessions, hosts),
			"local":    localremotecache.ResolveCacheExporterFunc(sessions),
			"inline":   inlineremotecache.ResolveCacheExporterFunc(),
		},
		ResolveCacheImporterFuncs: map[string]remotecache.ResolveCacheImporterFunc{
			"registry": registryremotecache.ResolveCacheImporterFunc(sessions, w.ContentStore(), hosts),
			"local":    localremotecache.ResolveCacheImporterFunc(sessions),
		},
		// A client still has to ask for it, which Stowage does with --allow.
		Entitlements:   entitlements(settings),
		MeterProvider:  noop.NewMeterProvider(),
		HistoryDB:      records,
		CacheStore:     cacheStore,
		LeaseManager:   w.LeaseManager(),
		ContentStore:   w.ContentStore(),
		HistoryConfig:  history(settings),
		GarbageCollect: w.GarbageCollect,
		GracefulStop:   stop.Done(),
	})
	if err != nil {
		return nil, fmt.Errorf("make the controller: %w", err)
	}
	return controller, nil
}

// entitlements are what builds may ask for.
func entitlements(settings *config.Config) []string {
	if settings.Entitlements != nil {
		return settings.Entitlements
	}
	return []string{"network.host", "security.insecure"}
}

func history(settings *config.Config) *config.HistoryConfig {
	if settings.History != nil {
		return settings.History
	}
	entries := int64(1)
	return &config.HistoryConfig{MaxAge: config.Duration{Duration: historyAge}, MaxEntries: &entries}
}

// newWorker makes the worker that runs instructions with runc.
func newWorker(cfg childConfig, settings *config.Config, root string, hosts docker.RegistryHosts) (*base.Worker, error) {
	binary, err := runtimeBinary()
	if err != nil {
		return nil, err
	}
	own := settings.Workers.OCI
	var parallel *semaphore.Weighted
	if own.MaxParallelism > 0 {
		parallel = semaphore.NewWeighted(int64(own.MaxParallelism))
	}
	opt, err := runc.NewWorkerOpt(root, snapshotters(root), inUserNamespace(), oci.ProcessSandbox, nil, nil,
		network(root, own.NetworkConfig), dns(settings.DNS), binary, own.ApparmorProfile, false, parallel, "", cgroupParent(cfg.ID), nil)
	if err != nil {
		return nil, err
	}
	opt.GCPolicy = gcPolicy(root, own.GCConfig)
	opt.BuildkitVersion = client.BuildkitVersion{Package: version.Package, Version: Version, Revision: version.Revision}
	opt.RegistryHosts = hosts
	return base.NewWorker(context.Background(), opt)
}

// network is how instructions reach the network: as this machine does, unless
// the settings say otherwise.
func network(root string, c config.NetworkConfig) netproviders.Opt {
	return netproviders.Opt{Mode: cmp.Or(c.Mode, "host"), CNI: cniprovider.Opt{
		Root: root, ConfigPath: c.CNIConfigPath, BinaryDir: c.CNIBinaryPath, PoolSize: c.CNIPoolSize,
		BridgeName: c.BridgeName, BridgeSubnet: c.BridgeSubnet,
	}}
}

func dns(c *config.DNSConfig) *oci.DNSConfig {
	if c == nil {
		return nil
	}
	return &oci.DNSConfig{Nameservers: c.Nameservers, Options: c.Options, SearchDomains: c.SearchDomains}
}

// gcPolicy is what the settings say, else BuildKit's default for the size of
// the disk.
func gcPolicy(root string, c config.GCConfig) []client.PruneInfo {
	stat, err := disk.GetDiskStat(root)
	if err != nil || (c.GC != nil && !*c.GC) {
		return nil
	}
	rules := c.GCPolicy
	if len(rules) == 0 {
		rules = config.DefaultGCPolicy(c, stat)
	}
	var out []client.PruneInfo
	for _, rule := range rules {
		reserved := rule.ReservedSpace
		if reserved == (config.DiskSpace{}) {
			//lint:ignore SA1019 older files have it
			reserved = rule.KeepBytes
		}
		out = append(out, client.PruneInfo{
			Filter: rule.Filters, All: rule.All, KeepDuration: rule.KeepDuration.Duration,
			ReservedSpace: reserved.AsBytes(stat),
			MaxUsedSpace:  rule.MaxUsedSpace.AsBytes(stat),
			MinFreeSpace:  rule.MinFreeSpace.AsBytes(stat),
		})
	}
	return out
}

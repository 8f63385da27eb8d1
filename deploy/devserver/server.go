package main

import (
	"time"

	"github.com/google/uuid"
	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

const (
	clusterName   = "active"
	historyShards = 1 // stored in the database: another number needs another file
)

// newServer returns a server with all of Temporal's services, ready to start.
func newServer(o options) (temporal.Server, error) {
	database, err := openDatabase(o)
	if err != nil {
		return nil, err
	}
	cfg, err := serverConfig(o, database)
	if err != nil {
		return nil, err
	}
	logger := log.NewZapLogger(log.BuildZapLogger(log.Config{Level: o.logLevel}))
	authorizer, err := authorization.GetAuthorizerFromConfig(&cfg.Global.Authorization)
	if err != nil {
		return nil, err
	}
	claims, err := authorization.GetClaimMapperFromConfig(&cfg.Global.Authorization, logger)
	if err != nil {
		return nil, err
	}
	return temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(hosts(o, cfg)),
		temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorizer),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper { return claims }),
		temporal.WithDynamicConfigClient(settings(o)),
	)
}

// serverConfig is the static configuration: one cluster with one host.
func serverConfig(o options, database *config.SQL) (*config.Config, error) {
	cfg := &config.Config{}
	cfg.Global.Membership.MaxJoinDuration = 30 * time.Second
	cfg.Global.Membership.BroadcastAddress = o.ip
	if o.metricsPort > 0 {
		cfg.Global.Metrics = &metrics.Config{Prometheus: &metrics.PrometheusConfig{
			ListenAddress: o.hostPort(o.metricsPort), HandlerPath: "/metrics",
		}}
	}
	cfg.Persistence.NumHistoryShards = historyShards
	cfg.Persistence.DefaultStore, cfg.Persistence.VisibilityStore = "sqlite", "sqlite"
	cfg.Persistence.DataStores = map[string]config.DataStore{"sqlite": {SQL: database}}
	cfg.DCRedirectionPolicy.Policy = "noop"
	cfg.Archival.History.State, cfg.Archival.Visibility.State = "disabled", "disabled"
	cfg.NamespaceDefaults.Archival.History.State, cfg.NamespaceDefaults.Archival.Visibility.State = "disabled", "disabled"
	cfg.PublicClient.HostPort = o.address()
	cfg.ClusterMetadata = &cluster.Config{
		FailoverVersionIncrement: 10,
		MasterClusterName:        clusterName,
		CurrentClusterName:       clusterName,
		ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
			Enabled: true, InitialFailoverVersion: 1, ClusterID: uuid.NewString(),
			RPCAddress: o.address(), HTTPAddress: o.hostPort(o.httpPort),
		}},
	}
	var err error
	cfg.Services, err = services(o)
	return cfg, err
}

// services gives the frontend its ports and the others free ones.
func services(o options) (map[string]config.Service, error) {
	all := map[string]config.Service{}
	for _, name := range temporal.DefaultServices {
		var s config.Service
		s.RPC.BindOnIP = o.ip
		if name == string(primitives.FrontendService) {
			s.RPC.GRPCPort, s.RPC.HTTPPort = o.port, o.httpPort
			all[name] = s
			continue
		}
		port, err := freePort(o.ip)
		if err != nil {
			return nil, err
		}
		s.RPC.GRPCPort = port
		all[name] = s
	}
	return all, nil
}

// hosts replaces membership by gossip, which one process does not need.
func hosts(o options, cfg *config.Config) map[primitives.ServiceName]static.Hosts {
	all := map[primitives.ServiceName]static.Hosts{}
	for name, service := range cfg.Services {
		all[primitives.ServiceName(name)] = static.SingleLocalHost(o.hostPort(service.RPC.GRPCPort))
	}
	return all
}

// settings is the dynamic configuration: first what the temporal command sets for
// its dev server, then what the flags say.
func settings(o options) dynamicconfig.StaticClient {
	all := dynamicconfig.StaticClient{
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key():                        8096,
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key():        100,
		dynamicconfig.MakeKey("system.forceSearchAttributesCacheRefreshOnRead"): true,
		dynamicconfig.MakeKey("frontend.persistenceMaxQPS"):                     10000,
		dynamicconfig.MakeKey("history.persistenceMaxQPS"):                      45000,
	}
	for key, value := range o.dynamicConfig {
		all[dynamicconfig.MakeKey(key)] = value
	}
	return all
}

func newUI(o options) *uiserver.Server {
	return uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host:                o.ip,
		Port:                o.uiPort,
		TemporalGRPCAddress: o.address(),
		EnableUI:            true,
		Codec:               uiconfig.Codec{Endpoint: o.uiCodec},
		CORS:                uiconfig.CORS{CookieInsecure: true}, // plain HTTP, on loopback
		HideLogs:            true,
		DisableNewsFetch:    true,
	}))
}

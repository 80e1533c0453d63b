// Command fedmesh-webhook serves fedmesh's admission webhooks.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/go-logr/zapr"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"fedmesh.io/fedmesh/webhook"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "fedmesh-webhook:", err)
		os.Exit(1)
	}
}

func run() error {
	var options webhook.Options
	var dnsNames, logLevel string
	flag.StringVar(&options.Namespace, "namespace", os.Getenv("POD_NAMESPACE"), "the namespace that fedmesh runs in; by default the environment's POD_NAMESPACE")
	flag.StringVar(&options.BindAddress, "bind-address", "", "the address that webhooks are served on; by default every one of the host")
	flag.IntVar(&options.Port, "port", 9443, "the port that webhooks are served on")
	flag.StringVar(&options.HealthAddress, "health-address", ":8081", "host:port of /healthz and /readyz")
	flag.StringVar(&options.MetricsAddress, "metrics-address", ":8080", "host:port of /metrics; 0 serves none")
	flag.StringVar(&options.CertificateDirectory, "certificate-dir", "", "the directory with tls.crt and tls.key; by default fedmesh keeps an authority of its own")
	flag.StringVar(&dnsNames, "dns-names", "", "what the self-managed certificate is for, separated by commas; by default fedmesh-webhook.<namespace>.svc")
	flag.DurationVar(&options.DrainPeriod, "drain-period", 10*time.Second, "how long to go on serving after the readiness probe has begun to fail")
	flag.StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("got argument %q; want flags only, such as -port=9443", flag.Arg(0))
	}

	level, err := zap.ParseAtomicLevel(logLevel)
	if err != nil {
		return fmt.Errorf("-log-level: %w; want debug, info, warn or error", err)
	}
	if options.Namespace == "" {
		return errors.New("-namespace is empty and so is POD_NAMESPACE; want the namespace that fedmesh runs in")
	}
	options.DNSNames = []string{"fedmesh-webhook." + options.Namespace + ".svc"}
	if dnsNames != "" {
		options.DNSNames = strings.Split(strings.ReplaceAll(dnsNames, " ", ""), ",")
	}
	logging := zap.NewProductionConfig()
	logging.Level = level
	logging.DisableStacktrace = true // errors say where they come from
	logging.Sampling = nil           // every refusal is logged
	logging.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	logger, err := logging.Build()
	if err != nil {
		return err
	}
	defer func() { _ = logger.Sync() }() // standard error cannot be synced everywhere
	defer zap.RedirectStdLog(logger)()   // net/http's own
	options.Log = zapr.NewLogger(logger)
	ctrl.SetLogger(options.Log)
	klog.SetLogger(options.Log.WithName("client-go"))

	if options.Config, err = ctrl.GetConfig(); err != nil {
		return fmt.Errorf("cannot find an API server: %w", err)
	}
	server, err := webhook.NewServer(options)
	if err != nil {
		return err
	}
	return server.Run(ctrl.SetupSignalHandler())
}

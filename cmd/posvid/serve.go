package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/crypto/keys/authority"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/service/auth"
	"github.com/posvid/posvid/service/checkpoints"
	"github.com/posvid/posvid/service/diia"
	"github.com/posvid/posvid/service/holder"
	"github.com/posvid/posvid/service/offices"
	"github.com/posvid/posvid/service/registrar"
	"github.com/posvid/posvid/store"
	"github.com/posvid/posvid/testvectors/gen/hrdata"
	"github.com/posvid/posvid/web"
)

// Times and bounds of the listener.
const (
	headerTime  = 5 * time.Second  // for the headers of a request to come
	idleTime    = 60 * time.Second // of a connection between requests
	stopTime    = 20 * time.Second // for requests that are under way when the service is told to stop
	connections = 4096             // open at once
	followTime  = 2 * time.Second  // between looks for a bundle that another command installed
	maxLogin    = 64 << 10         // bytes of the configuration of log-in
)

// Where the service listens unless it is told otherwise, and the demo's mail gate beside it.
const (
	defaultListen = "127.0.0.1:8080"
	demoGate      = "127.0.0.1:2525"
)

// demoOffice is the folder of what the office module leaves in the demo's folder for programs to be tried with.
const demoOffice = "office"

// serveFlags are the flags of `posvid serve`.
type serveFlags struct {
	listen, origin, cert, key, metrics string
	login                              string // file of auth.ReadConfig
	proxies                            []string
	dev, demo                          bool
	smtp                               smtpFlags
	auth                               auth.Config
}

func serveCommand(env *cli.Env) *cobra.Command {
	var f serveFlags
	command := &cobra.Command{
		Use: "serve [--demo [DIR]]", Args: cobra.MaximumNArgs(1),
		Short: "служба: гаманець, перевірка, сторінки кадровика, інтерфейс / the web service",
		Long: env.T(`Обслуговує всі органи теки --dir: сторінку гаманця, сторінку перевірки, сторінки кадровика й технічного адміністратора, інтерфейс до Дії.
За зворотним проксі: --origin https://ім'я --proxy 10.0.0.0/8; без нього — з власним сертифікатом: --tls-cert і --tls-key.
Спробувати: posvid serve --demo`,
			`Serves every body in --dir: the wallet page, the verifier page, the pages of registrar and trust operator, the interface to Diia.
Behind a reverse proxy: --origin https://name --proxy 10.0.0.0/8; without one, with a certificate of its own: --tls-cert and --tls-key.
To try it: posvid serve --demo`),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 && !f.demo {
				return cli.Usagef("%s", env.T("теку називають лише з --demo; інакше --dir", "a folder is named with --demo only; otherwise --dir"))
			}
			if f.demo {
				dir := "posvid-demo"
				if len(args) == 1 {
					dir = args[0]
				}
				return f.runDemo(c.Context(), env, dir)
			}
			return f.run(c.Context(), env)
		},
	}
	flags := command.Flags()
	flags.StringVar(&f.listen, "listen", defaultListen, "адреса і порт; порт 0 — будь-який / address and port; port 0 takes any")
	flags.StringVar(&f.origin, "origin", "", "адреса служби для браузерів, https://ім'я / the service as browsers see it")
	flags.StringVar(&f.cert, "tls-cert", "", "файл сертифіката з ланцюжком (PEM); зміни підхоплюються / certificate chain, reloaded when it changes")
	flags.StringVar(&f.key, "tls-key", "", "файл його закритого ключа (PEM) / its private key")
	flags.StringSliceVar(&f.proxies, "proxy", nil, "мережі зворотних проксі, чиєму X-Forwarded-For вірити / networks of reverse proxies")
	flags.StringVar(&f.metrics, "metrics", "", "адреса лічильників Prometheus, лише ця машина, напр. 127.0.0.1:9109 / address of metrics, this machine only")
	flags.StringVar(&f.login, "login", "", "файл налаштувань входу: OpenID Connect, id.gov.ua / configuration of log-in (JSON)")
	flags.StringVar(&f.smtp.listen, "smtp", "", "адреса і порт поштової брами зі STARTTLS, напр. :587 / the mail gate with STARTTLS")
	flags.StringVar(&f.smtp.listenTLS, "smtps", "", "те саме з TLS від першого байта, напр. :465 / the same with TLS from the first byte")
	flags.StringVar(&f.smtp.cert, "smtp-cert", "", "сертифікат брами (PEM); інакше --tls-cert / certificate of the gate; otherwise --tls-cert")
	flags.StringVar(&f.smtp.key, "smtp-key", "", "його закритий ключ (PEM) / its private key")
	flags.BoolVar(&f.dev, "dev", false, "вхід без пароля для розробки; лише вигадані дані і лише ця машина / development log-in, this machine only")
	flags.BoolVar(&f.demo, "demo", false, "служба над проєктною пробою, з вигаданими людьми / serve the demo's invented people")
	return command
}

// runDemo serves the demo's folder, which is made when it is not there or is too old to go on from.
func (f *serveFlags) runDemo(ctx context.Context, env *cli.Env, dir string) error {
	env.Dir, env.Seal = dir, demoSeal
	env.SetPassphrase([]byte(demoPassphrase))
	if !demoUsable(env, dir) {
		env.Say("готую пробу в %s…", "making the demo in %s…", dir)
		quiet := *env
		quiet.Stdout, quiet.Stderr = io.Discard, io.Discard
		d, err := newDemo(&quiet, dir)
		if err != nil {
			return err
		}
		if err := d.run(ctx); err != nil {
			return err
		}
	}
	f.dev = true
	if f.origin == "" {
		f.origin = "http://localhost:0"
	}
	if f.smtp == (smtpFlags{}) {
		if f.smtp.listen = "127.0.0.1:0"; f.listen == defaultListen {
			f.smtp.listen = demoGate
		}
	}
	return f.run(ctx, env)
}

// demoUsable tells whether a demo lies in the folder whose IDs have days to live.
func demoUsable(env *cli.Env, dir string) bool {
	marker, err := os.Stat(filepath.Join(dir, demoMarker))
	if err != nil || env.Now().Sub(marker.ModTime()) > 14*24*time.Hour {
		return false
	}
	for _, edrpou := range []string{hrdata.MinistryEDRPOU, hrdata.CouncilEDRPOU} {
		if _, err := os.Stat(filepath.Join(dir, "bodies", edrpou, "publication.sidp")); err != nil {
			return false
		}
	}
	_, err = os.Stat(filepath.Join(dir, "bundle.sidb"))
	return err == nil
}

// run opens everything, serves until ctx ends, and closes everything.
func (f *serveFlags) run(ctx context.Context, env *cli.Env) (err error) {
	if (f.cert == "") != (f.key == "") {
		return cli.Usagef("%s", env.T("--tls-cert і --tls-key дають разом", "--tls-cert and --tls-key go together"))
	}
	if f.metrics != "" && !loopbackListen(f.metrics) {
		return cli.Usagef("%s", env.T("--metrics: лише адреса цієї машини, напр. 127.0.0.1:9109", "--metrics: an address of this machine only, such as 127.0.0.1:9109"))
	}
	if f.dev && !loopbackListen(f.listen) {
		return cli.Usagef("%s", env.T("--dev впускає без пароля, тому лише на адресі цієї машини", "--dev lets people in without a password, so on an address of this machine only"))
	}
	if f.login != "" {
		data, err := env.ReadFile(f.login, maxLogin)
		if err != nil {
			return err
		}
		if f.auth, err = auth.ReadConfig(data, os.ReadFile); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return fmt.Errorf("posvid: listen: %w", err)
	}
	defer listener.Close()
	if f.dev && (f.smtp.listen != "" && !loopbackListen(f.smtp.listen) || f.smtp.listenTLS != "" && !loopbackListen(f.smtp.listenTLS)) {
		return cli.Usagef("%s", env.T("--dev: брама лише на адресі цієї машини", "--dev: the gate on an address of this machine only"))
	}
	h, err := f.open(ctx, env, listener.Addr().(*net.TCPAddr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	return h.serve(ctx, f, listener)
}

// loopbackListen tells whether only this machine can reach an address to listen on.
func loopbackListen(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// originFor is the origin of a service on a listening address: the one given, whose port 0 stands for the port chosen.
func (f *serveFlags) originFor(address *net.TCPAddr) (string, error) {
	scheme := "http"
	if f.cert != "" {
		scheme = "https"
	}
	if f.origin == "" {
		if !address.IP.IsLoopback() {
			return "", errors.New("posvid: --origin is needed: the name by which browsers reach the service")
		}
		return scheme + "://" + address.String(), nil
	}
	u, err := url.Parse(f.origin)
	if err != nil {
		return "", fmt.Errorf("posvid: --origin: %w", err)
	}
	if u.Port() == "0" {
		u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(address.Port))
		u.Scheme = scheme
	}
	return u.String(), nil
}

// host is an opened service.
type host struct {
	env     *cli.Env
	bodies  []*hostBody
	service *store.Service
	ballots *store.Service // of anonymous surveys
	trust   *hostTrust
	server  *service.Server
	smtp    *smtpServer // the mail gate; nil without --smtp
	log     *slog.Logger
}

// open opens the bodies, the service's own store and the parts.
func (f *serveFlags) open(ctx context.Context, env *cli.Env, address *net.TCPAddr) (_ *host, err error) {
	h := &host{env: env, log: slog.New(slog.NewJSONHandler(env.Stderr, &slog.HandlerOptions{Level: f.logLevel()}))}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	origin, err := f.originFor(address)
	if err != nil {
		return nil, cli.Hint(err, "--origin https://id.example.gov.ua")
	}
	if h.smtp, err = f.listenSMTP(env, origin); err != nil {
		return nil, err
	}
	found, err := bodiesIn(env)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, cli.Hint(env.Err("у теці %s немає жодного органу", "no body in %s", env.Dir), env.T("створіть орган: posvid init ТЕКА; спробувати: posvid serve --demo", "make one: posvid init DIR; to try it: posvid serve --demo"))
	}
	var bodies []*service.Body
	for _, edrpou := range found {
		folder, err := bodyFolderOf(env, edrpou)
		if err != nil {
			return nil, err
		}
		b, err := folder.openForService(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", env.T("орган", "body"), edrpou, err)
		}
		h.bodies = append(h.bodies, b)
		body, err := b.forService(ctx, strings.TrimPrefix(strings.TrimPrefix(origin, "https://"), "http://"))
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, body)
	}
	if h.trust, err = newHostTrust(env, h.bodies); err != nil {
		return nil, err
	}
	if h.service, h.ballots, err = openServiceStores(env); err != nil {
		return nil, err
	}
	h.server, err = service.New(service.Config{Origin: origin, Bodies: bodies, Trust: h.trust, Store: h.service, Assets: web.Assets, Log: h.log, Now: env.Now,
		Dev: f.dev, Demo: f.demo, Proxies: f.proxies})
	if err != nil {
		return nil, err
	}
	h.server.Every("follow-trust", followTime, h.trust.follow)
	return h, f.mount(h.server, env, h.ballots, h.smtp)
}

// mount adds every part.
func (f *serveFlags) mount(s *service.Server, env *cli.Env, ballots *store.Service, smtp *smtpServer) error {
	if err := auth.Mount(s, f.auth); err != nil {
		return err
	}
	if err := holder.Mount(s); err != nil {
		return err
	}
	if err := registrar.Mount(s); err != nil {
		return err
	}
	if err := diia.Mount(s); err != nil {
		return err
	}
	if err := checkpoints.Mount(s, checkpoints.Config{Folder: env.Path("service", "checkpoints")}); err != nil {
		return err
	}
	c := offices.Config{Store: s.Store.Office(), Ballots: ballots.Office()}
	if smtp != nil {
		c.Gate, c.GatePort = smtp.gate, smtp.port()
	}
	if f.demo {
		folder, err := filepath.Abs(env.Path(demoOffice))
		if err != nil {
			return err
		}
		c.Demo = folder
	}
	return offices.Mount(s, c)
}

func (f *serveFlags) logLevel() slog.Level {
	if f.demo { // a person reads the terminal
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// openServiceStore opens service/service.db, and makes it and its key at the first start.
func openServiceStore(env *cli.Env) (*store.Service, error) {
	sealer, err := serviceSealer(env)
	if err != nil {
		return nil, err
	}
	return store.OpenService(env.Path("service", "service.db"), store.Options{Sealer: sealer})
}

// openServiceStores opens service.db and ballots.db.
func openServiceStores(env *cli.Env) (main, ballots *store.Service, err error) {
	sealer, err := serviceSealer(env)
	if err != nil {
		return nil, nil, err
	}
	if main, err = store.OpenService(env.Path("service", "service.db"), store.Options{Sealer: sealer}); err != nil {
		return nil, nil, err
	}
	if ballots, err = store.OpenBallots(env.Path("service", "ballots.db"), store.Options{Sealer: sealer}); err != nil {
		return nil, nil, errors.Join(err, main.Close())
	}
	return main, ballots, nil
}

// serviceSealer opens the service's data key, and makes it at the first start.
func serviceSealer(env *cli.Env) (*store.Sealer, error) {
	if err := os.MkdirAll(env.Path("service", "keys"), 0o700); err != nil {
		return nil, err
	}
	key, err := serviceKey(env, env.Path("service", "keys", "data.age"))
	if err != nil {
		return nil, err
	}
	return store.NewSealer(key)
}

// newServiceKey makes the data key and seals it.
func newServiceKey(env *cli.Env, file string, passphrase []byte) (store.DataKey, error) {
	data := store.NewDataKey()
	sealed, err := keys.Seal(passphrase, dataKeyRole, "service", data[:], env.Seal)
	if err != nil {
		return data, err
	}
	return data, cli.WriteAtomic(file, sealed, 0o600)
}

// openForService opens a body whose rights follow the installed bundle while the service runs.
func (f *bodyFolder) openForService(ctx context.Context) (_ *hostBody, err error) {
	database, err := f.openStore()
	if err != nil {
		return nil, err
	}
	b := &hostBody{openBody: &openBody{bodyFolder: f, store: database}, live: &liveBundle{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, database.Close())
		}
	}()
	if b.signer, err = f.issuerKey(); err != nil {
		return nil, err
	}
	if b.state, err = f.trustState(); err != nil {
		return nil, err
	}
	if bundle, err := b.state.Bundle(); err == nil { // without one the service starts, and signs nothing
		b.live.now.Store(bundle)
	}
	b.body, err = issuer.Open(ctx, database, issuer.Config{EDRPOU: f.edrpou, Signer: b.signer, Grant: b.live, Checker: b.live, Before: b.live})
	if err != nil {
		return nil, err
	}
	if b.register, err = issuer.OpenRegister(ctx, database); err != nil {
		return nil, err
	}
	return b, nil
}

// forService is the body as the web service needs it.
func (b *hostBody) forService(ctx context.Context, linkHost string) (*service.Body, error) {
	online, err := issuer.OpenOnline(ctx, b.store, issuer.OnlineConfig{Host: linkHost, PublicDigits: true})
	if err != nil {
		return nil, err
	}
	var row issuer.BodyRow
	if err := b.store.View(ctx, func(tx issuer.Tx) (err error) {
		row, err = tx.Body()
		return err
	}); err != nil {
		return nil, err
	}
	out := &service.Body{EDRPOU: b.edrpou, Name: row.Name, NameEN: row.NameEN, Store: b.store, Body: b.body, Register: b.register, Online: online,
		Photo: b.photo, KeepPhoto: b.keepPhoto, OperatorKey: b.openOperatorKey, KeepOperatorKey: b.keepOperatorKey}
	if bundle := b.live.now.Load(); bundle != nil {
		if entry, ok := bundle.Body(b.edrpou); ok {
			out.Phone = entry.DutyPhone
		}
	}
	return out, nil
}

// opening lets one sealed key be opened at a time: each takes the memory that makes guessing dear.
var opening sync.Mutex

// openOperatorKey opens an operator's key with the passphrase that he typed.
func (b *hostBody) openOperatorKey(o issuer.Operator, passphrase []byte) (keys.OperatorSigner, error) {
	sealed, err := os.ReadFile(b.operatorFile(o.ID))
	if err != nil {
		return nil, err
	}
	opening.Lock()
	defer opening.Unlock()
	key, err := authority.OpenOperatorKey(passphrase, sealed)
	if err != nil {
		return nil, err
	}
	if key.OperatorPublic().Thumbprint() != o.Key.Thumbprint() {
		return nil, fmt.Errorf("posvid: the key of operator %d is not the one in the register", o.ID)
	}
	return key, nil
}

// keepOperatorKey puts a newcomer's sealed key where operators' keys lie.
func (b *hostBody) keepOperatorKey(id int64, sealed []byte) error {
	name := b.operatorFile(id)
	if old, err := os.ReadFile(name); err == nil {
		if bytes.Equal(old, sealed) {
			return nil
		}
		return fmt.Errorf("posvid: key of operator %d: %w", id, os.ErrExist)
	}
	return cli.WriteAtomic(name, sealed, 0o600)
}

// close closes every store.
func (h *host) close() error {
	var failed []error
	if h.smtp != nil {
		h.smtp.close() //nolint:errcheck // closed before, when it was served
	}
	for _, s := range []*store.Service{h.service, h.ballots} {
		if s != nil {
			failed = append(failed, s.Close())
		}
	}
	for _, b := range h.bodies {
		failed = append(failed, b.store.Close())
	}
	return errors.Join(failed...)
}

// serve answers requests and runs jobs until ctx ends.
func (h *host) serve(ctx context.Context, f *serveFlags, listener net.Listener) error {
	server := &http.Server{Handler: h.server.Handler(), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: service.MaxHeaderBytes,
		ErrorLog: slog.NewLogLogger(quietErrors{h.log.Handler()}, slog.LevelDebug)}
	bounded := net.Listener(&boundedListener{Listener: listener, slots: make(chan struct{}, connections)})
	scheme := "http"
	if f.cert != "" {
		certificate := &certificateFile{cert: f.cert, key: f.key, log: h.log}
		if err := certificate.load(); err != nil {
			return fmt.Errorf("posvid: certificate: %w", err)
		}
		stop := certificate.watch()
		defer stop()
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get, NextProtos: []string{"h2", "http/1.1"}}
		scheme = "https"
	}
	// A bundle that is fresh from the start: what ran out while the service was down is in it.
	if err := h.trust.Publish(ctx, h.env.Now()); err != nil {
		h.log.Error("publish", "cause", err.Error())
	}
	jobs, stopJobs := context.WithCancel(context.WithoutCancel(ctx))
	defer stopJobs()
	var wait sync.WaitGroup
	wait.Go(func() { h.server.Run(jobs) })
	defer wait.Wait()
	defer stopJobs()

	failed := make(chan error, 4)
	if f.metrics != "" {
		counts, err := net.Listen("tcp", f.metrics)
		if err != nil {
			return fmt.Errorf("posvid: metrics: %w", err)
		}
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", h.server.MetricsHandler())
		side := &http.Server{Handler: mux, ReadHeaderTimeout: headerTime, ReadTimeout: headerTime, WriteTimeout: 2 * headerTime, IdleTimeout: idleTime}
		defer side.Close()
		go func() { failed <- side.Serve(counts) }()
		h.env.Say("лічильники: http://%s/metrics", "metrics: http://%s/metrics", counts.Addr())
	}
	if h.smtp != nil {
		fmt.Fprintf(h.env.Stdout, "mail gate %s:%s\n", h.smtp.host, h.smtp.port())
	}
	fmt.Fprintf(h.env.Stdout, "listening on %s://%s\norigin %s\n", scheme, listener.Addr(), h.server.Origin)
	h.welcome(f)
	if h.smtp != nil {
		if h.smtp.certificate != nil {
			h.smtp.certificate.log = h.log
			defer h.smtp.certificate.watch()()
		}
		h.smtp.serve(failed)
	}
	go func() {
		if scheme == "https" {
			failed <- server.ServeTLS(bounded, "", "")
			return
		}
		failed <- server.Serve(bounded)
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	h.env.Say("завершую: чекаю на запити, що виконуються", "stopping: waiting for requests under way")
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if h.smtp != nil {
		mailStopped := make(chan struct{})
		go func() { h.smtp.stop(last); close(mailStopped) }()
		defer func() { <-mailStopped }()
	}
	if err := server.Shutdown(last); err != nil {
		server.Close()
		return fmt.Errorf("posvid: stop: %w", err)
	}
	return nil
}

// welcome says what can be opened.
func (h *host) welcome(f *serveFlags) {
	origin := h.server.Origin
	h.env.Say("гаманець:      %s/wallet/", "wallet:   %s/wallet/", origin)
	h.env.Say("перевірка:     %s/verify/", "verifier: %s/verify/", origin)
	for _, b := range h.server.Bodies {
		h.env.Say("кадровик:      %s/b/%s/  %s", "registrar: %s/b/%s/  %s", origin, b.EDRPOU, b.Name)
	}
	h.env.Say("Дія.Офіс:      %s/office/", "office:   %s/office/", origin)
	if h.smtp != nil {
		h.env.Say("поштова брама: %s:%s (STARTTLS)", "mail gate: %s:%s (STARTTLS)", h.smtp.host, h.smtp.port())
	}
	if h.trust.operator != nil {
		h.env.Say("адміністратор: %s/operator/", "operator: %s/operator/", origin)
	}
	if f.demo {
		if link, name, err := h.demoSlip(); err != nil {
			h.log.Error("demo slip", "cause", err.Error())
		} else {
			h.env.Say("талон:         %s", "slip:     %s", link)
			h.env.Say("               відкрийте в гаманці, щоб підключити вигадану особу: %s", "          open it to enrol an invented person: %s", name)
		}
		h.env.Say("програми:      адресна книга й календарі %s/dav/, ім'я і пароль у файлах %s і %s; листи лягають у %s",
			"programs: address book and calendars %s/dav/, user name and password in %s and %s; letters arrive in %s", origin,
			h.env.Path(demoOffice, offices.DemoUser), h.env.Path(demoOffice, offices.DemoPassword), h.env.Path(demoOffice, offices.DemoMail))
	}
	if f.dev {
		h.env.Say("увага: вхід без пароля (%s/login/dev); лише для вигаданих даних", "warning: log-in without a password (%s/login/dev); for invented data only", origin)
	}
}

// demoSlip makes a slip for a new phone of somebody who plays no other part in the demo, and answers the link that stands on it.
func (h *host) demoSlip() (link, name string, err error) {
	bundle, _, err := h.trust.Bundle()
	if err != nil {
		return "", "", err
	}
	ctx, at := context.Background(), h.env.Now()
	for _, b := range h.bodies {
		standings, err := b.register.Standings(ctx, at)
		if err != nil {
			return "", "", err
		}
		for _, s := range standings {
			name = s.Record.FullName()
			if s.Step != issuer.StepIssued || slices.ContainsFunc(demoCast(), func(a *demoActor) bool { return a.fullName == name }) {
				continue
			}
			by, err := b.operator(ctx, "1")
			if err != nil {
				return "", "", err
			}
			slips, err := b.register.Slips(ctx, issuer.SlipFilter{Entitlements: []int64{s.Entitlement}, NewPhone: true, Renew: true}, by, at)
			if err != nil {
				return "", "", err
			}
			if len(slips) == 1 {
				sheet := issuer.SlipSheet{Body: s.Record.BodyName, EDRPOU: b.edrpou, Origin: h.server.Origin, Root: bundle.FirstFingerprint()}
				link, err = sheet.SlipLink(&slips[0])
				return link, name, err
			}
		}
	}
	return "", "", errors.New("posvid: demo: nobody to make a slip for")
}

// boundedListener takes so many connections and no more; the others wait in the kernel's queue.
type boundedListener struct {
	net.Listener
	slots chan struct{}
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &boundedConn{Conn: c, done: sync.OnceFunc(func() { <-l.slots })}, nil
}

type boundedConn struct {
	net.Conn
	done func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}

// quietErrors keeps the library's own complaints about connections, which name addresses, out of the log.
type quietErrors struct{ slog.Handler }

// Enabled implements slog.Handler.
func (q quietErrors) Enabled(context.Context, slog.Level) bool { return false }

// certificateFile is a certificate that is read again when its file changes or SIGHUP comes. One that cannot be read leaves the
// former in place.
type certificateFile struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	now     *tls.Certificate
	changed time.Time
}

func (c *certificateFile) load() error {
	info, err := os.Stat(c.cert)
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now, c.changed = &pair, info.ModTime()
	return nil
}

func (c *certificateFile) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now, nil
}

// watch reloads until the function it answers is called.
func (c *certificateFile) watch() (stop func()) {
	hangup, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangup, syscall.SIGHUP)
	tick := time.NewTicker(30 * time.Second)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-hangup:
			case <-tick.C:
				info, err := os.Stat(c.cert)
				c.mu.Lock()
				same := err == nil && info.ModTime().Equal(c.changed)
				c.mu.Unlock()
				if same {
					continue
				}
			}
			if err := c.load(); err != nil {
				c.log.Error("certificate", "cause", err.Error())
				continue
			}
			c.log.Info("certificate", "reloaded", true)
		}
	}()
	return func() {
		signal.Stop(hangup)
		tick.Stop()
		close(done)
	}
}

#include "config/operation_sections.h"

#include <utility>

#include "config/setting_specs.h"

namespace longbow::config {
namespace {

SettingsSection Auth() {
  return {
      .name = "auth",
      .summary = "How the server finds out who calls.",
      .settings = {
          Choice("method", "none", {"none", "token", "jwt", "certificate", "module"},
                 "How callers prove who they are: not at all, by a token of [auth.token.NAME], "
                 "by a JSON Web Token ([auth.jwt]), by the certificate of mutual TLS, or to the "
                 "verifier that a loaded module brings."),
          Text("header", "authorization",
               "Header that carries the token: of authorization, the value is Bearer and the "
               "token; of any other, the token alone."),
      }};
}

SettingsSection AuthToken() {
  SettingSpec token = Secret("token", "The token, of 16 visible ASCII characters or more.");
  token.required = true;
  return {.name = "auth.token",
          .summary =
              "A token that gets its holder in; its name is the caller's, token:NAME in "
              "rules.",
          .repeated = true,
          .settings = {Reloadable(std::move(token))}};
}

SettingsSection AuthJwt() {
  return {
      .name = "auth.jwt",
      .summary = "Which JSON Web Tokens are good, for auth.method \"jwt\".",
      .settings = {
          TakesFile(Reloadable(
              Text("public_key", nullptr,
                   "Public key or certificate for RS256 or ES256 as PEM text, or @ and the "
                   "path of a file."))),
          TakesFile(Reloadable(
              Text("jwks", nullptr,
                   "A JSON Web Key Set, as text, or @ and the path of a file, which is read "
                   "again when it changes."))),
          Reloadable(Secret("secret", "Secret for HS256, of 32 bytes or more.")),
          Texts("issuers", {}, "What iss must be one of; empty: anything."),
          Texts("audiences", {}, "What aud must name one of; empty: anything."),
          Text("principal_claim", "sub", "Claim that names the caller in logs, limits and tasks."),
          Texts("claims", {"sub", "scope", "groups", "roles", "email", "azp"},
                "Claims that rules may use, as claim:NAME=VALUE; dots lead into nested objects."),
          Seconds("clock_skew_sec", 30, {0, 3600},
                  "By how much the clocks of the token's issuer and of this node may differ."),
          Flag("require_exp", true, "Whether a token without exp is refused."),
      }};
}

SettingsSection AccessRule() {
  return {
      .name = "access.rule",
      .summary =
          "What callers may do. Rules add up; where callers have names (auth.method is not "
          "\"none\") or there is a rule, nothing is allowed beyond them.",
      .repeated = true,
      .settings = {
          Reloadable(Texts("principals", {},
                           "Whom the rule is for: token:NAME, claim:NAME=VALUE, cert:cn=NAME, "
                           "cert:san=NAME, cert:subject=NAME, anonymous, each with a * at its end "
                           "if need be, or * for everybody.")),
          Reloadable(Texts("services", {}, "Services that they may run; * for all.")),
          Reloadable(Texts("actions", {}, "Actions that they may do; * for all.")),
          Reloadable(
              Texts("read", {}, "Paths that they may read, each with all below it; * for all.")),
          Reloadable(Texts("write", {},
                           "Paths that they may write and delete, each with all below it; * for "
                           "all.")),
          Reloadable(Flag("raw_methods", false,
                          "Whether they may make calls that modules answer by themselves.")),
          Reloadable(
              Flag("all_tasks", false, "Whether they may see and cancel the tasks of others.")),
      }};
}

SettingsSection Vault() {
  return {
      .name = "vault",
      .summary = "HashiCorp Vault, for settings that are written vault:MOUNT/PATH#KEY.",
      .settings = {
          Text("address", nullptr, "Such as https://vault.example:8200; not set: no Vault."),
          Text("namespace", nullptr, "Vault's namespace."),
          Choice("login", "token", {"token", "approle", "kubernetes"},
                 "How to log in: with a token, a role and its secret id, or the service account of "
                 "Kubernetes."),
          Secret("token", "The token, for the login \"token\"."),
          Text("token_file", nullptr, "File with the token, in place of token."),
          Text("role", nullptr, "The role's id (\"approle\") or its name (\"kubernetes\")."),
          Secret("secret_id", "The role's secret id, for the login \"approle\"."),
          Text("secret_id_file", nullptr, "File with the secret id, in place of secret_id."),
          Text("jwt_file", "/var/run/secrets/kubernetes.io/serviceaccount/token",
               "File with the service account's token, for the login \"kubernetes\"."),
          Text("auth_mount", nullptr,
               "Where the login is mounted below auth/; not set: its usual place."),
          TakesFile(Text("ca_certificate", nullptr,
                         "Certificates to trust as PEM text, or @ and the path of a file; not set: "
                         "the system's.")),
          Text("client_certificate_file", nullptr, "Certificate to show to Vault, as PEM."),
          Text("client_key_file", nullptr, "Its key."),
          Seconds("refresh_sec", 300, {1, 86400},
                  "How old a secret may get before it is read again."),
          Seconds("timeout_sec", 10, {1, 600},
                  "How long a reading may take, with all its attempts."),
      }};
}

SettingsSection Http() {
  return {
      .name = "http",
      .summary =
          "Health, metrics and the status page over HTTP: /live, /ready, /health, /metrics, "
          "and a page for people at /.",
      .settings = {
          Optional(Count("port", 17002, {0, 65535},
                         "TCP port to listen on; 0 takes a free one, which the log tells; not set: "
                         "no HTTP.")),
          Text("host", "127.0.0.1",
               "Name or address to listen on; 0.0.0.0 or :: for all of the machine."),
          Texts("allowed_hosts", {},
                "Names by which the endpoint may be asked, without ports, beside addresses, "
                "localhost, host, advertise_host and the machine's own name; * for any. A request "
                "to another name gets 421, except for /live and /ready."),
          Reloadable(Secret("token",
                            "If set, all but /live and /ready and the bare page asks for it: "
                            "Authorization: Bearer and the token, of 16 characters or more.")),
          Count("max_connections", 256, {1, 1e5}, "Connections that are open at a time, at most."),
          Seconds("request_timeout_sec", 10, {1, 3600},
                  "A request must have come, and its answer be taken, within so long."),
      }};
}

SettingsSection Log() {
  return {
      .name = "log",
      .summary = "Log lines.",
      .settings = {
          Reloadable(Choice("level", "info", {"debug", "info", "warning", "error"},
                            "Lines below this level are not written.")),
          Reloadable(Texts(
              "levels", {},
              "Levels of single components, such as sql=debug or transport=error: a "
              "module's name, calls, flight, http, node, secrets, tasks, telemetry or transport.")),
          Text("file", nullptr,
               "File to append to, opened again on SIGHUP; not set: standard error."),
          Choice("format", "json", {"json", "text"},
                 "JSON for machines, or text for people; the option --dev-log means text with "
                 "colours."),
          Reloadable(Choice("calls", "all", {"all", "slow", "failed", "none"},
                            "Which finished calls get a line: all, those that were slow or failed, "
                            "those that failed, or none.")),
          Reloadable(
              Milliseconds("slow_call_ms", 1000, {0, 86400000},
                           "A call that took longer is slow: its line is a warning and tells "
                           "where the time went.")),
          Text("time_key", "time", "Name of a line's time."),
          Text("level_key", "level", "Name of a line's level."),
          Text("message_key", "message", "Name of a line's message."),
          Text("trace_key", "trace_id", "Name of a line's trace id."),
          Count(
              "max_repeats", 10, {0, 1e6},
              "How often the same warning or error is written within 10 s before the rest is only "
              "counted; 0: always."),
      }};
}

SettingsSection Trace() {
  return {
      .name = "trace",
      .summary =
          "Traces for OpenTelemetry. What is not set here is taken from the standard "
          "variables OTEL_*.",
      .settings = {
          Optional(
              Choice("exporter", "none", {"none", "otlp", "console"},
                     "Where spans go: nowhere, to a collector, or to standard output; not set: "
                     "OTEL_TRACES_EXPORTER, or otlp where an endpoint is set.")),
          Optional(Choice("protocol", "grpc", {"grpc", "http/protobuf"},
                          "How the collector is spoken to; not set: OTEL_EXPORTER_OTLP_PROTOCOL.")),
          Text("endpoint", nullptr,
               "The collector, such as http://127.0.0.1:4318 (with grpc, 4317); not set: "
               "OTEL_EXPORTER_OTLP_ENDPOINT."),
          Optional(Choice("sampler", "parentbased_always_on",
                          {"always_on", "always_off", "traceidratio", "parentbased_always_on",
                           "parentbased_always_off", "parentbased_traceidratio"},
                          "Which calls are traced; not set: OTEL_TRACES_SAMPLER.")),
          Optional({.name = "ratio",
                    .type = SettingType::kDouble,
                    .summary = "Share of the calls that are traced, for the samplers with a ratio; "
                               "not set: OTEL_TRACES_SAMPLER_ARG.",
                    .min = 0,
                    .max = 1}),
          Text("service_name", nullptr,
               "Name of this service in traces; not set: OTEL_SERVICE_NAME, or longbow."),
          Secret("headers",
                 "Headers for the collector, as NAME=VALUE with commas between; not set: "
                 "OTEL_EXPORTER_OTLP_HEADERS."),
          Text("certificate_file", nullptr,
               "Certificates to trust, as PEM; not set: OTEL_EXPORTER_OTLP_CERTIFICATE, or the "
               "system's."),
      }};
}

}  // namespace

std::vector<SettingsSection> OperationSections() {
  return {Auth(), AuthToken(), AuthJwt(), AccessRule(), Vault(), Http(), Log(), Trace()};
}

}  // namespace longbow::config

/// How a file spells the keys of its platform. Rules name them as the platform's own documentation does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Spelling {
    #[default]
    Own,
    Terraform,
    CloudFormation,
}

/// Keys that a provider of Terraform has under other names. The keys of container definitions are those of the API there too.
const TERRAFORM: [(&str, &str); 20] = [
    ("terminationGracePeriodSeconds", "termination_grace_period_seconds"),
    ("progressDeadlineSeconds", "progress_deadline_seconds"),
    ("minReadySeconds", "min_ready_seconds"),
    ("minReplicas", "min_replicas"),
    ("maxSurge", "max_surge"),
    ("maxUnavailable", "max_unavailable"),
    ("minAvailable", "min_available"),
    ("preStop", "pre_stop"),
    ("periodSeconds", "period_seconds"),
    ("initialDelaySeconds", "initial_delay_seconds"),
    ("failureThreshold", "failure_threshold"),
    ("restartPolicy", "restart_policy"),
    ("initContainers", "init_container"),
    ("shareProcessNamespace", "share_process_namespace"),
    ("externalTrafficPolicy", "external_traffic_policy"),
    ("timeoutSeconds", "timeout_seconds"),
    ("healthCheckGracePeriodSeconds", "health_check_grace_period_seconds"),
    ("minimumHealthyPercent", "deployment_minimum_healthy_percent"),
    ("maximumPercent", "deployment_maximum_percent"),
    ("deregistration_delay.timeout_seconds", "deregistration_delay"),
];

/// Keys of CloudFormation, which begin with a capital.
const CLOUD_FORMATION: [(&str, &str); 7] = [
    ("stopTimeout", "StopTimeout"),
    ("dependsOn", "DependsOn"),
    ("containerName", "ContainerName"),
    ("\"condition\"", "\"Condition\""),
    ("healthCheckGracePeriodSeconds", "HealthCheckGracePeriodSeconds"),
    ("minimumHealthyPercent", "MinimumHealthyPercent"),
    ("maximumPercent", "MaximumPercent"),
];

/// What findings say of a program that serves, and what of one that runs to its end: a job has no clients.
const BATCH: [(&str, &str); 9] = [
    (
        "clients whose requests are in flight then see connection resets, and jobs run again or are lost",
        "the work in progress is lost, or is done again",
    ),
    ("its requests in flight are reset", "its work in progress is lost"),
    ("requests in flight are reset", "work in progress is lost"),
    ("its requests in flight", "its work in progress"),
    ("requests that take longer than", "work that takes longer than"),
    ("are reset by SIGKILL", "is ended by SIGKILL"),
    ("clients see errors at each stop", "its work in progress is lost"),
    ("the program serves", "the program runs"),
    (": new connections are refused during each rollout", ""),
];

/// Says of a job what is said of a service.
pub(crate) fn batch_words(text: &mut String) {
    for (of_service, of_job) in BATCH {
        if text.contains(of_service) {
            *text = text.replace(of_service, of_job);
        }
    }
}

impl Spelling {
    /// Returns a text with the keys as the file has them.
    pub(crate) fn spell(self, text: &mut String) {
        let table: &[(&str, &str)] = match self {
            Self::Own => return,
            Self::Terraform => &TERRAFORM,
            Self::CloudFormation => &CLOUD_FORMATION,
        };
        for (own, other) in table {
            if text.contains(own) {
                *text = text.replace(own, other);
            }
        }
    }
}

//! The known values of the schema's open vocabularies.
//!
//! They are `string` fields in the schema, because AWS adds values all the time (AIP-126): a value that is not here may
//! come back in an answer, and may be sent. What each value means stands in the comment of its field.

/// Modules of string constants. The tests hold them against the schema's comments.
macro_rules! vocabularies {
    ($($(#[$module_doc:meta])* $module:ident { $($(#[$doc:meta])* $name:ident = $value:literal,)* })*) => {
        $(
            $(#[$module_doc])*
            pub mod $module {
                $($(#[$doc])* pub const $name: &str = $value;)*

                #[cfg(test)]
                pub(super) const ALL: &[&str] = &[$($value),*];
            }
        )*
    };
}

vocabularies! {
    /// Who speaks: [`Message.role`](crate::v1::Message::role).
    role {
        /// The user, and the results of tools.
        USER = "user",
        /// The model.
        ASSISTANT = "assistant",
        /// Adds and removes tools in mid-conversation.
        SYSTEM = "system",
    }

    /// Why the model stopped: [`ConverseResponse.stop_reason`](crate::v1::ConverseResponse::stop_reason).
    stop_reason {
        /// The answer is finished.
        END_TURN = "end_turn",
        /// The model wants tools run.
        TOOL_USE = "tool_use",
        /// The answer reached `max_tokens`, or the model's own limit, and is cut off.
        MAX_TOKENS = "max_tokens",
        /// The model generated one of the request's stop sequences.
        STOP_SEQUENCE = "stop_sequence",
        /// The guardrail blocked or changed content.
        GUARDRAIL_INTERVENED = "guardrail_intervened",
        /// Content was filtered.
        CONTENT_FILTERED = "content_filtered",
        /// The model's output is malformed.
        MALFORMED_MODEL_OUTPUT = "malformed_model_output",
        /// The model's tool request is malformed.
        MALFORMED_TOOL_USE = "malformed_tool_use",
        /// The conversation and the answer exceed the model's context window.
        MODEL_CONTEXT_WINDOW_EXCEEDED = "model_context_window_exceeded",
    }

    /// [`ImageBlock.format`](crate::v1::ImageBlock::format).
    image_format {
        /// PNG.
        PNG = "png",
        /// JPEG.
        JPEG = "jpeg",
        /// GIF.
        GIF = "gif",
        /// WebP.
        WEBP = "webp",
    }

    /// [`DocumentBlock.format`](crate::v1::DocumentBlock::format).
    document_format {
        /// PDF.
        PDF = "pdf",
        /// Comma-separated values.
        CSV = "csv",
        /// Microsoft Word up to 2003.
        DOC = "doc",
        /// Microsoft Word.
        DOCX = "docx",
        /// Microsoft Excel up to 2003.
        XLS = "xls",
        /// Microsoft Excel.
        XLSX = "xlsx",
        /// HTML.
        HTML = "html",
        /// Plain text.
        TXT = "txt",
        /// Markdown.
        MD = "md",
    }

    /// [`VideoBlock.format`](crate::v1::VideoBlock::format).
    video_format {
        /// Matroska.
        MKV = "mkv",
        /// QuickTime.
        MOV = "mov",
        /// MPEG-4.
        MP4 = "mp4",
        /// WebM.
        WEBM = "webm",
        /// Flash video.
        FLV = "flv",
        /// MPEG.
        MPEG = "mpeg",
        /// MPEG, by its other extension.
        MPG = "mpg",
        /// Windows Media Video.
        WMV = "wmv",
        /// 3GP.
        THREE_GP = "three_gp",
    }

    /// [`AudioBlock.format`](crate::v1::AudioBlock::format).
    audio_format {
        /// MP3.
        MP3 = "mp3",
        /// Opus.
        OPUS = "opus",
        /// WAV.
        WAV = "wav",
        /// AAC.
        AAC = "aac",
        /// FLAC.
        FLAC = "flac",
        /// MPEG-4.
        MP4 = "mp4",
        /// Ogg.
        OGG = "ogg",
        /// Matroska.
        MKV = "mkv",
        /// Matroska without video.
        MKA = "mka",
        /// AAC, by its older name.
        X_AAC = "x-aac",
        /// MPEG-4 without video.
        M4A = "m4a",
        /// MPEG.
        MPEG = "mpeg",
        /// MPEG without video.
        MPGA = "mpga",
        /// Raw samples.
        PCM = "pcm",
        /// WebM.
        WEBM = "webm",
    }

    /// Speed against price: [`ServiceTier.type`](crate::v1::ServiceTier::type).
    service_tier {
        /// The fastest, at a premium.
        PRIORITY = "priority",
        /// The standard.
        DEFAULT = "default",
        /// Discounted, for work that can wait longer.
        FLEX = "flex",
        /// Capacity that the account has reserved.
        RESERVED = "reserved",
    }

    /// [`PerformanceConfiguration.latency`](crate::v1::PerformanceConfiguration::latency).
    latency {
        /// The standard version of the model.
        STANDARD = "standard",
        /// The latency-optimized version, which some models have.
        OPTIMIZED = "optimized",
    }

    /// How much the model may spend on its answer: [`OutputConfig.effort`](crate::v1::OutputConfig::effort).
    effort {
        /// Little.
        LOW = "low",
        /// Some.
        MEDIUM = "medium",
        /// Much. The most without extended thinking.
        HIGH = "high",
        /// More.
        XHIGH = "xhigh",
        /// The most.
        MAX = "max",
    }

    /// [`OutputFormat.type`](crate::v1::OutputFormat::type).
    output_format_type {
        /// JSON that follows a schema.
        JSON_SCHEMA = "json_schema",
    }

    /// Who runs a tool: [`ToolUseBlock.type`](crate::v1::ToolUseBlock::type).
    tool_use_type {
        /// Bedrock or the model provider.
        SERVER_TOOL_USE = "server_tool_use",
    }

    /// [`ToolResultBlock.status`](crate::v1::ToolResultBlock::status).
    tool_result_status {
        /// The tool succeeded.
        SUCCESS = "success",
        /// The tool failed; the result says how.
        ERROR = "error",
    }

    /// [`CachePointBlock.type`](crate::v1::CachePointBlock::type).
    cache_point_type {
        /// The only type so far.
        DEFAULT = "default",
    }

    /// How long a cache entry lives: [`CachePointBlock.ttl`](crate::v1::CachePointBlock::ttl).
    cache_ttl {
        /// Five minutes.
        FIVE_MINUTES = "5m",
        /// One hour; some models only.
        ONE_HOUR = "1h",
    }

    /// [`GuardrailConfiguration.trace`](crate::v1::GuardrailConfiguration::trace).
    guardrail_trace {
        /// The answer holds the guardrail's trace.
        ENABLED = "enabled",
        /// It does not. The default.
        DISABLED = "disabled",
        /// The trace also lists what was assessed and not detected.
        ENABLED_FULL = "enabled_full",
    }

    /// When the guardrail assesses a stream:
    /// [`GuardrailStreamConfiguration.stream_processing_mode`](crate::v1::GuardrailStreamConfiguration::stream_processing_mode).
    guardrail_stream_processing_mode {
        /// Before each part is sent. The default.
        SYNC = "sync",
        /// In the background, while parts are sent at once.
        ASYNC = "async",
    }

    /// [`GuardrailConverseTextBlock.qualifiers`](crate::v1::GuardrailConverseTextBlock::qualifiers).
    guardrail_qualifier {
        /// The source that the answer must be grounded in.
        GROUNDING_SOURCE = "grounding_source",
        /// The user's question.
        QUERY = "query",
        /// The content to assess.
        GUARD_CONTENT = "guard_content",
    }
}

/// The reasons of failures: [`Error::reason`](crate::Error::reason). An exception of Bedrock's that is not here has its own
/// name in UPPER_SNAKE, an answer without a name is `HTTP_` and its status.
pub mod reason {
    /// ValidationException: the request is wrong, as Bedrock or the service sees it.
    pub const VALIDATION: &str = "VALIDATION";
    /// AccessDeniedException: the service's AWS identity may not use the model.
    pub const ACCESS_DENIED: &str = "ACCESS_DENIED";
    /// ResourceNotFoundException: there is no such model, profile or prompt.
    pub const RESOURCE_NOT_FOUND: &str = "RESOURCE_NOT_FOUND";
    /// ThrottlingException: too many requests or tokens, per minute or per day.
    pub const THROTTLING: &str = "THROTTLING";
    /// ServiceQuotaExceededException: a quota of the account is used up.
    pub const SERVICE_QUOTA_EXCEEDED: &str = "SERVICE_QUOTA_EXCEEDED";
    /// ServiceUnavailableException: Bedrock is overloaded or down.
    pub const SERVICE_UNAVAILABLE: &str = "SERVICE_UNAVAILABLE";
    /// ModelNotReadyException: the model is being loaded.
    pub const MODEL_NOT_READY: &str = "MODEL_NOT_READY";
    /// InternalServerException: Bedrock failed.
    pub const INTERNAL_SERVER: &str = "INTERNAL_SERVER";
    /// ModelTimeoutException: the model took too long.
    pub const MODEL_TIMEOUT: &str = "MODEL_TIMEOUT";
    /// ModelErrorException: the model failed.
    pub const MODEL_ERROR: &str = "MODEL_ERROR";
    /// ModelStreamErrorException: the model failed in mid-stream.
    pub const MODEL_STREAM_ERROR: &str = "MODEL_STREAM_ERROR";
    /// ConflictException: something else changes the same resource.
    pub const CONFLICT: &str = "CONFLICT";
    /// The service's own AWS credentials are missing or refused.
    pub const GATEWAY_CREDENTIALS: &str = "GATEWAY_CREDENTIALS";
    /// Bedrock's answer ended early.
    pub const STREAM_TRUNCATED: &str = "STREAM_TRUNCATED";
    /// Bedrock's answer cannot be read.
    pub const DATA_LOSS: &str = "DATA_LOSS";
    /// Bedrock sent no first event in time.
    pub const FIRST_EVENT_TIMEOUT: &str = "FIRST_EVENT_TIMEOUT";
    /// Bedrock's stream fell silent.
    pub const IDLE_TIMEOUT: &str = "IDLE_TIMEOUT";
    /// This instance of the service is shutting down; retry at once.
    pub const DRAINING: &str = "DRAINING";
}

#[cfg(test)]
mod tests;

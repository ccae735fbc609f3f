//! The known values of the schema's open vocabularies.
//!
//! They are `string` fields in the schema, because AWS often adds values (AIP-126). A response may contain a value that is
//! not listed here, and a request may too. The comment of each field explains its values.

/// Modules of string constants. A test compares them with the schema's comments.
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
    /// The author of a message: [`Message.role`](crate::v1::Message::role).
    role {
        /// The user. Tool results have this role too.
        USER = "user",
        /// The model.
        ASSISTANT = "assistant",
        /// Adds and removes tools within a conversation.
        SYSTEM = "system",
    }

    /// Why the model stopped: [`ConverseResponse.stop_reason`](crate::v1::ConverseResponse::stop_reason).
    stop_reason {
        /// The response is complete.
        END_TURN = "end_turn",
        /// The model requests tools.
        TOOL_USE = "tool_use",
        /// The response reached `max_tokens` or the model's own limit. It is incomplete.
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
        /// The conversation and the response exceed the model's context window.
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

    /// Priority and price: [`ServiceTier.type`](crate::v1::ServiceTier::type).
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

    /// The effort that the model may spend on its response: [`OutputConfig.effort`](crate::v1::OutputConfig::effort).
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

    /// The party that runs a tool: [`ToolUseBlock.type`](crate::v1::ToolUseBlock::type).
    tool_use_type {
        /// Bedrock or the model provider runs it.
        SERVER_TOOL_USE = "server_tool_use",
    }

    /// [`ToolResultBlock.status`](crate::v1::ToolResultBlock::status).
    tool_result_status {
        /// The tool succeeded.
        SUCCESS = "success",
        /// The tool failed. The result contains the error.
        ERROR = "error",
    }

    /// [`CachePointBlock.type`](crate::v1::CachePointBlock::type).
    cache_point_type {
        /// The only type.
        DEFAULT = "default",
    }

    /// The lifetime of a cache entry: [`CachePointBlock.ttl`](crate::v1::CachePointBlock::ttl).
    cache_ttl {
        /// Five minutes.
        FIVE_MINUTES = "5m",
        /// One hour. Only some models support it.
        ONE_HOUR = "1h",
    }

    /// [`GuardrailConfiguration.trace`](crate::v1::GuardrailConfiguration::trace).
    guardrail_trace {
        /// The response contains the guardrail's trace.
        ENABLED = "enabled",
        /// The response contains no trace. This is the default.
        DISABLED = "disabled",
        /// The trace also lists content that was assessed and not detected.
        ENABLED_FULL = "enabled_full",
    }

    /// When the guardrail assesses a stream:
    /// [`GuardrailStreamConfiguration.stream_processing_mode`](crate::v1::GuardrailStreamConfiguration::stream_processing_mode).
    guardrail_stream_processing_mode {
        /// The guardrail assesses each part before it is sent. This is the default.
        SYNC = "sync",
        /// The guardrail assesses in the background, and parts are sent immediately.
        ASYNC = "async",
    }

    /// [`GuardrailConverseTextBlock.qualifiers`](crate::v1::GuardrailConverseTextBlock::qualifiers).
    guardrail_qualifier {
        /// The source that the response must be grounded in.
        GROUNDING_SOURCE = "grounding_source",
        /// The user's question.
        QUERY = "query",
        /// The content to assess.
        GUARD_CONTENT = "guard_content",
    }
}

#[cfg(test)]
mod tests;

//! The parts that pages are made of: each a small component over a native element, styled by the file of its name in `style/`. No server
//! function, no state of a feature.

pub mod age;
pub mod alert;
pub mod badge;
pub mod dialog;
pub mod environment;
pub mod events;
pub mod facts;
pub mod filter;
pub mod form;
pub mod here;
pub mod icon;
pub mod load;
pub mod page;
pub mod pagination;
pub mod panel;
pub mod preset_choice;
pub mod progress;
pub mod proof;
pub mod schedule_table;
pub mod served;
pub mod size;
pub mod strip;
pub mod table;
pub mod when;

pub use age::{Age, AgeMeter};
pub use alert::{Alert, AlertKind};
pub use badge::{BackupBadge, ChainBadge, JobBadge, ResultBadge, StandingBadge, StateBadge};
pub use dialog::ConfirmDialog;
pub use environment::EnvironmentBadge;
pub use facts::Facts;
pub use filter::FilterFold;
pub use form::{Field, FieldBox, FormError, SubmitButton};
pub use icon::{Icon, SPRITE};
pub use load::{FaultPage, Loaded, fault_of, field_fault};
pub use page::{Crumb, PageHeader, crumb};
pub use pagination::Pagination;
pub use panel::{DefinitionList, EmptyState, Fact, Panel};
pub use preset_choice::PresetChoice;
pub use progress::ProgressBar;
pub use proof::{ProofMarks, results_of};
pub use served::{Refresh, served};
pub use size::Size;
pub use table::{Head, Table};
pub use when::{Ago, Moment, When};

//! Constants of a file, and their elements.

use half::{bf16, f16};

use crate::proto;

/// Elements of a constant. Smaller integers are widened, f16, bf16 and f64 become f32.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Floats.
    Floats(Vec<f32>),
    /// Integers.
    Integers(Vec<i64>),
    /// Booleans.
    Booleans(Vec<bool>),
}

/// A tensor whose elements are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Dimensions, outermost first. A scalar has none.
    pub dims: Vec<usize>,
    /// Elements, the last dimension varying fastest.
    pub data: Data,
}

impl Data {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Booleans(values) => values.len(),
        }
    }

    /// The elements at these places.
    pub fn pick(&self, places: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::Floats(values) => Self::Floats(places.map(|i| values[i]).collect()),
            Self::Integers(values) => Self::Integers(places.map(|i| values[i]).collect()),
            Self::Booleans(values) => Self::Booleans(places.map(|i| values[i]).collect()),
        }
    }

    /// The elements as floats.
    pub fn to_floats(&self) -> Vec<f32> {
        match self {
            Self::Floats(values) => values.clone(),
            Self::Integers(values) => values.iter().map(|&x| x as f32).collect(),
            Self::Booleans(values) => values.iter().map(|&x| f32::from(u8::from(x))).collect(),
        }
    }

    /// The elements as integers, without what is behind the point.
    pub fn to_integers(&self) -> Vec<i64> {
        match self {
            Self::Floats(values) => values.iter().map(|&x| x as i64).collect(),
            Self::Integers(values) => values.clone(),
            Self::Booleans(values) => values.iter().map(|&x| x.into()).collect(),
        }
    }

    /// What its elements are.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Floats(_) => "floats",
            Self::Integers(_) => "integers",
            Self::Booleans(_) => "booleans",
        }
    }
}

impl Constant {
    /// A constant of floats.
    pub fn floats(dims: Vec<usize>, values: Vec<f32>) -> Self {
        Self { dims, data: Data::Floats(values) }
    }

    /// A list of integers.
    pub fn integers(values: Vec<i64>) -> Self {
        Self { dims: vec![values.len()], data: Data::Integers(values) }
    }

    /// The same elements as floats, integers or booleans: what the other is.
    pub fn as_kind_of(&self, other: &Data) -> Self {
        let data = match other {
            Data::Floats(_) => Data::Floats(self.data.to_floats()),
            Data::Integers(_) => Data::Integers(self.data.to_integers()),
            Data::Booleans(_) => Data::Booleans(self.data.to_floats().into_iter().map(|x| x != 0.0).collect()),
        };
        Self { dims: self.dims.clone(), data }
    }

    /// The elements, which must be floats.
    ///
    /// # Errors
    /// If they are others. `what` says in the message what the constant is.
    pub fn expect_floats(&self, what: &str) -> Result<&[f32], String> {
        self.as_floats().ok_or_else(|| format!("{what} holds {}, and must hold floats", self.data.kind()))
    }

    /// The elements, if they are floats.
    pub fn as_floats(&self) -> Option<&[f32]> {
        if let Data::Floats(values) = &self.data { Some(values) } else { None }
    }

    /// The elements, if they are integers.
    pub fn as_integers(&self) -> Option<&[i64]> {
        if let Data::Integers(values) = &self.data { Some(values) } else { None }
    }

    /// The only element, if there is one only and it is a float.
    pub fn as_scalar(&self) -> Option<f32> {
        if let Some(&[value]) = self.as_floats() { Some(value) } else { None }
    }

    /// The number that all elements are, if they are floats.
    pub fn as_number(&self) -> Option<f32> {
        let values = self.as_floats()?;
        values.first().copied().filter(|first| values.iter().all(|value| value == first))
    }

    /// The elements as ones and zeros, if they are booleans.
    pub fn as_mask(&self) -> Option<Self> {
        let is_mask = matches!(self.data, Data::Booleans(_));
        is_mask.then(|| Self::floats(self.dims.clone(), self.data.to_floats()))
    }

    /// Reads a tensor whose elements are in the file itself, or, as `outside`, in another one.
    ///
    /// # Errors
    /// What is wrong with the tensor, and what to do.
    pub fn read(tensor: &proto::Tensor, outside: Option<&[u8]>) -> Result<Self, String> {
        let dim = |&d: &i64| usize::try_from(d).map_err(|_| format!("dimension {d} is negative"));
        let dims = tensor.dims.iter().map(dim).collect::<Result<Vec<usize>, String>>()?;
        let count = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|&n| n <= crate::graph::MAX_ELEMENTS);
        let count = count.ok_or_else(|| format!("its dimensions {dims:?} are more elements than 2^30"))?;
        let raw = outside.or(tensor.raw_data.as_deref()).filter(|raw| !raw.is_empty());
        let data = match raw {
            Some(raw) => from_bytes(tensor.data_type(), raw)?,
            None => from_lists(tensor)?,
        };
        match data.len() {
            found if found == count => Ok(Self { dims, data }),
            found => Err(format!("its dimensions {dims:?} need {count} elements, but there are {found}")),
        }
    }
}

fn from_bytes(data_type: i32, raw: &[u8]) -> Result<Data, String> {
    fn each<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
        let (whole, rest) = raw.as_chunks::<N>();
        if rest.is_empty() {
            Ok(whole.iter().map(|&bytes| read(bytes)).collect())
        } else {
            Err(format!("it has {} bytes, which are no multiple of {N}", raw.len()))
        }
    }
    Ok(match data_type {
        proto::FLOAT => Data::Floats(each(raw, f32::from_le_bytes)?),
        proto::DOUBLE => Data::Floats(each(raw, |bytes| f64::from_le_bytes(bytes) as f32)?),
        proto::FLOAT16 => Data::Floats(each(raw, |bytes| f16::from_le_bytes(bytes).to_f32())?),
        proto::BFLOAT16 => Data::Floats(each(raw, |bytes| bf16::from_le_bytes(bytes).to_f32())?),
        proto::INT64 => Data::Integers(each(raw, i64::from_le_bytes)?),
        proto::INT32 => Data::Integers(each(raw, |bytes| i32::from_le_bytes(bytes).into())?),
        proto::INT8 => Data::Integers(each(raw, |bytes| i8::from_le_bytes(bytes).into())?),
        proto::UINT8 => Data::Integers(each(raw, |[byte]: [u8; 1]| byte.into())?),
        proto::BOOL => Data::Booleans(each(raw, |[byte]: [u8; 1]| byte != 0)?),
        other => return Err(unknown(other)),
    })
}

fn from_lists(tensor: &proto::Tensor) -> Result<Data, String> {
    let small = |read: fn(u16) -> f32| tensor.int32_data.iter().map(|&bits| read(bits as u16)).collect();
    Ok(match tensor.data_type() {
        proto::FLOAT => Data::Floats(tensor.float_data.clone()),
        proto::DOUBLE => Data::Floats(tensor.double_data.iter().map(|&x| x as f32).collect()),
        proto::FLOAT16 => Data::Floats(small(|bits| f16::from_bits(bits).to_f32())),
        proto::BFLOAT16 => Data::Floats(small(|bits| bf16::from_bits(bits).to_f32())),
        proto::INT64 => Data::Integers(tensor.int64_data.clone()),
        proto::INT32 | proto::INT8 | proto::UINT8 => Data::Integers(tensor.int32_data.iter().map(|&x| x.into()).collect()),
        proto::BOOL => Data::Booleans(tensor.int32_data.iter().map(|&x| x != 0).collect()),
        other => return Err(unknown(other)),
    })
}

fn unknown(data_type: i32) -> String {
    format!("its data type is {data_type}, and only floats (1, 10, 11, 16), integers (2, 3, 6, 7) and booleans (9) are read")
}
